//! The archive's suites, and apt's messages about them.

/// One suite of the archive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) uri: String,
    pub(crate) name: String,
    /// Its lists are past their date, and there will be no newer ones.
    pub(crate) expired: bool,
}

impl Suite {
    pub(crate) fn stanza(&self, keyring: &str) -> String {
        let Self { uri, name, expired } = self;
        let check = if *expired { "Check-Valid-Until: no\n" } else { "" };
        format!(
            "Types: deb\nURIs: {uri}\nSuites: {name}\nComponents: main\nTargets: Packages\n\
             Signed-By: {keyring}\n{check}\n"
        )
    }

    /// Returns true if apt means this suite by `URI SUITE` or by `URI/dists/SUITE`.
    pub(crate) fn is(&self, what: &str) -> bool {
        let uri = self.uri.trim_end_matches('/');
        let dists = format!("{uri}/dists/{}", self.name);
        let rest = what.strip_prefix(uri).map(|rest| rest.trim_start_matches('/').trim_start());
        what == dists || rest == Some(self.name.as_str())
    }

    /// Returns true if this is the address of a file of the suite.
    pub(crate) fn has(&self, address: &str) -> bool {
        let dists = format!("{}/dists/{}/", self.uri.trim_end_matches('/'), self.name);
        address.starts_with(&dists)
    }
}

/// apt's complaints.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) missing: Vec<String>,
    pub(crate) expired: Vec<String>,
    /// Addresses of files that are not there, or are not those that the release names.
    pub(crate) failed: Vec<String>,
}

impl Verdict {
    pub(crate) fn parse(errors: &str) -> Self {
        let mut verdict = Self::default();
        for line in errors.lines() {
            if let Some(rest) = line.split_once("The repository '").map(|(_, rest)| rest) {
                let what =
                    rest.split_once(" Release' ").or_else(|| rest.split_once(" InRelease' "));
                let gone = line.contains("does not have a Release file")
                    || line.contains("no longer has a Release file");
                verdict.missing.extend(what.filter(|_| gone).map(|(what, _)| what.to_owned()));
            } else if let Some(rest) = line.strip_prefix("E: Failed to fetch ") {
                verdict.failed.extend(rest.split_whitespace().next().map(str::to_owned));
            } else if let Some((_, rest)) = line.split_once("Release file for ") {
                let what = rest.split_once(" is expired").map(|(file, _)| file);
                let suite = what.and_then(|file| file.rsplit_once('/')).map(|(suite, _)| suite);
                verdict.expired.extend(suite.map(str::to_owned));
            }
        }
        verdict
    }

    /// Returns true if another attempt may succeed.
    pub(crate) fn helps(&self) -> bool {
        !self.missing.is_empty() || !self.expired.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(uri: &str, name: &str) -> Suite {
        Suite { uri: uri.to_owned(), name: name.to_owned(), expired: false }
    }

    #[test]
    fn apt_tells_which_suites_do_not_exist_and_which_have_expired() {
        let errors = "\
W: something else
E: The repository 'http://m.example/debian forky-backports Release' does not have a Release file.
E: Release file for http://m.example/debian/dists/bullseye/InRelease is expired (invalid since 3d). \
Updates for this repository will not be applied.
";
        let verdict = Verdict::parse(errors);
        assert_eq!(verdict.missing, ["http://m.example/debian forky-backports"]);
        assert_eq!(verdict.expired, ["http://m.example/debian/dists/bullseye"]);
        assert!(suite("http://m.example/debian/", "forky-backports").is(&verdict.missing[0]));
        assert!(!suite("http://m.example/debian", "forky").is(&verdict.missing[0]));
        assert!(suite("http://m.example/debian", "bullseye").is(&verdict.expired[0]));
        assert!(!suite("http://m.example/debian", "bullseye-security").is(&verdict.expired[0]));
        let list = "http://m.example/debian/dists/trixie/main/binary-armhf/Packages";
        let failed = Verdict::parse(&format!("E: Failed to fetch {list}.xz  404  Not Found\n"));
        assert!(!failed.helps());
        assert!(suite("http://m.example/debian/", "trixie").has(&failed.failed[0]));
        assert!(!suite("http://m.example/debian", "trixie-backports").has(&failed.failed[0]));
    }

    #[test]
    fn only_what_has_expired_is_taken_without_a_date() {
        let fresh = suite("u", "s").stanza("/k");
        assert!(fresh.contains("Signed-By: /k\n") && !fresh.contains("Valid"), "{fresh}");
        assert!(!fresh.to_lowercase().contains("trusted"));
        let old = Suite { expired: true, ..suite("u", "s") }.stanza("/k");
        assert!(old.contains("Signed-By: /k\nCheck-Valid-Until: no\n\n"), "{old}");
    }
}
