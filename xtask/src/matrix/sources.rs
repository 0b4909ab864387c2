//! Reads the address of Debian's mirror from the machine's own apt configuration.

use std::collections::BTreeMap;
use std::path::Path;

/// Releases of Debian that have, or may come to have, kernels since 5.10.
const RELEASES: [&str; 4] = ["bullseye", "bookworm", "trixie", "forky"];
/// Those of them with newer kernels besides their own.
const BACKPORTS: [&str; 2] = ["bookworm-backports", "trixie-backports"];
/// Suites that are not releases.
const OTHERS: [&str; 2] = ["sid", "experimental"];
/// Other names under which a machine may have them.
const ALIASES: [&str; 6] = ["buster", "duke", "oldoldstable", "oldstable", "stable", "testing"];

/// One archive in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

/// Reads a file in either format, which its name tells as it does for apt.
pub(crate) fn parse(path: &Path, text: &str) -> Vec<Source> {
    if path.extension().is_some_and(|end| end == "sources") {
        stanzas(text).iter().filter_map(from_stanza).collect()
    } else {
        text.lines().filter_map(from_line).collect()
    }
}

/// `deb [options] URI SUITE COMPONENT...`
fn from_line(line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    Some(Source { uris: vec![uri], suites: vec![suite], components: words.collect() })
}

fn from_stanza(fields: &BTreeMap<String, String>) -> Option<Source> {
    let words = |name: &str| -> Vec<String> {
        let value = fields.get(name).map(String::as_str).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    let off = ["no", "false", "off", "0", "without", "disable"];
    let enabled = words("enabled").first().is_none_or(|word| !off.contains(&word.as_str()));
    let binary = words("types").iter().any(|kind| kind == "deb");
    (enabled && binary).then(|| Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
    })
}

/// Reads text of `Name: value` fields in paragraphs: names in lower case, continued lines joined,
/// comments dropped.
pub(crate) fn stanzas(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut all = vec![BTreeMap::<String, String>::new()];
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            all.push(BTreeMap::new());
            last.clear();
            continue;
        }
        let Some(stanza) = all.last_mut() else { continue };
        if line.starts_with(char::is_whitespace) {
            if let Some(value) = stanza.get_mut(&last) {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.trim().to_lowercase();
            stanza.insert(last.clone(), value.trim().to_owned());
        }
    }
    all.retain(|stanza| !stanza.is_empty());
    all
}

/// The addresses of Debian, from the machine's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirrors {
    pub(crate) main: String,
    pub(crate) security: Option<String>,
}

impl Mirrors {
    /// The first archive with suites of Debian, and the first with security updates.
    pub(crate) fn find(sources: &[Source]) -> Option<Self> {
        let first = |security: bool| {
            let has = |source: &&Source| {
                source.components.iter().any(|component| component == "main")
                    && source.suites.iter().any(|suite| is_debian(suite, security))
            };
            sources.iter().find(has).and_then(|source| source.uris.first().cloned())
        };
        Some(Self { main: first(false)?, security: first(true) })
    }

    /// Every suite that may have kernels, with its archive.
    pub(crate) fn suites(&self) -> Vec<(String, String)> {
        let of = |uri: &String, suite: String| (uri.clone(), suite);
        let mut all = Vec::new();
        for release in RELEASES {
            all.push(of(&self.main, release.to_owned()));
            let security = self.security.iter();
            all.extend(security.map(|uri| of(uri, format!("{release}-security"))));
        }
        let more = BACKPORTS.iter().chain(&OTHERS);
        all.extend(more.map(|suite| of(&self.main, (*suite).to_owned())));
        all
    }
}

/// Tells if Debian has a suite of this name, and in which of its two archives.
fn is_debian(suite: &str, security: bool) -> bool {
    let (release, part) = suite.split_once(['-', '/']).unwrap_or((suite, ""));
    let known = RELEASES.iter().chain(&OTHERS).chain(&ALIASES).any(|name| *name == release);
    known && (part == "security" || part == "updates" && suite.contains('/')) == security
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
# deb http://no.example/debian bookworm main
deb-src http://src.example/debian bookworm main
deb https://other.example/repo bookworm stable
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # ours
deb http://mirror.example/debian bookworm-updates main
deb http://sec.example/debian-security bookworm-security main
";

    const STANZAS: &str = "\
Types: deb
# a comment
URIs: http://off.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb deb-src
URIs: http://mirror.example/debian
 http://second.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Types: deb
URIs: http://sec.example/debian-security
Suites: trixie-security
Components: main
";

    fn mirrors(name: &str, text: &str) -> Option<Mirrors> {
        Mirrors::find(&parse(Path::new(name), text))
    }

    #[test]
    fn both_formats() {
        let want = Mirrors {
            main: "http://mirror.example/debian".to_owned(),
            security: Some("http://sec.example/debian-security".to_owned()),
        };
        assert_eq!(mirrors("sources.list", LINES), Some(want.clone()));
        assert_eq!(mirrors("debian.sources", STANZAS), Some(want));
    }

    #[test]
    fn what_is_no_debian_is_no_mirror() {
        let line = "deb http://mirror.example/ubuntu noble main\n";
        assert_eq!(mirrors("sources.list", line), None);
        assert_eq!(mirrors("sources.list", "deb http://x.example/deb nodistro main\n"), None);
        assert_eq!(mirrors("sources.list", "deb\ndeb [x\ndeb http://x.example\n"), None);
        assert_eq!(mirrors("a.sources", "nothing\n here\n"), None);
        let old = "deb http://sec.example/debian-security stable/updates main";
        assert_eq!(mirrors("sources.list", old), None, "security updates only");
    }

    #[test]
    fn suites_of_both_archives() {
        let mirrors = Mirrors { main: "m".to_owned(), security: None };
        let suites = mirrors.suites();
        assert!(suites.contains(&("m".to_owned(), "trixie-backports".to_owned())));
        assert!(suites.contains(&("m".to_owned(), "experimental".to_owned())));
        assert!(suites.iter().all(|(_, suite)| !suite.ends_with("-security")));
        let with = Mirrors { security: Some("s".to_owned()), ..mirrors };
        assert!(with.suites().contains(&("s".to_owned(), "bullseye-security".to_owned())));
    }
}
