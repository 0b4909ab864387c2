//! The list of kernels to boot, oldest first, made from package names.

use std::cmp::Ordering;
use std::fmt;

/// A kernel's release number, as `uname` shows it up to the distribution's part: 5.10.218.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads the number at the beginning of a package's version, as in `6.12.117-1~bpo12+1`. A
    /// candidate (`7.4~rc2-1`) is not a release.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split_once(':').map_or(text, |(_epoch, rest)| rest);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        if text[end..].starts_with("~rc") {
            return None;
        }
        let mut numbers = text[..end].split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { major, minor, patch: numbers.next().unwrap_or(Ok(0)).ok()? })
    }

    /// The minor release that it belongs to: 5.10.
    pub(crate) fn series(self) -> (u32, u32) {
        (self.major, self.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A package with a kernel in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) package: String,
    /// The package's version, which apt needs exactly.
    pub(crate) revision: String,
    pub(crate) version: Version,
}

impl Offer {
    /// The file in which the kernel is stored, named like its package file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}_{}.vmlinuz", self.package, self.revision.replace(':', "%3a"))
    }
}

/// How the names of kernel packages begin. Newer kernels have the image in the first kind, and the
/// second depends on it; older ones have only the second.
const KINDS: [&str; 2] = ["linux-binary-", "linux-image-"];
/// How they end, the better one first. (`-rt-amd64`, `-amd64-dbg` and so on are others.)
pub(crate) type Flavours = &'static [&'static str];
/// Those of x86-64.
pub(crate) const AMD64: Flavours = &["-cloud-amd64", "-amd64"];

/// The parts of a package's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name<'a> {
    kind: usize,
    flavour: usize,
    /// With the distribution's part: 5.10.0-30 or 6.12.117+deb13.
    release: &'a str,
}

impl<'a> Name<'a> {
    /// `None` if this is not a kernel, or only stands for the newest of its kind
    /// (`linux-image-6.1-…`).
    fn parse(package: &'a str, flavours: Flavours) -> Option<Self> {
        let find = |kind: usize| Some((kind, package.strip_prefix(KINDS[kind])?));
        let (kind, rest) = (0..KINDS.len()).find_map(find)?;
        let cut = |flavour: usize| Some((flavour, rest.strip_suffix(flavours[flavour])?));
        let (flavour, release) = (0..flavours.len()).find_map(cut)?;
        let words = ["rt", "cloud", "rc"];
        let other =
            release.split(['-', '.', '~']).any(|part| words.iter().any(|w| part.starts_with(w)));
        let numbered =
            release.split('.').count() >= 3 && release.starts_with(|c: char| c.is_ascii_digit());
        (numbered && !other).then_some(Self { kind, flavour, release })
    }
}

/// Whether a package of this name may hold a kernel.
pub(crate) fn is_kernel(package: &str, flavours: Flavours) -> bool {
    Name::parse(package, flavours).is_some()
}

/// The newest kernel of each minor release from `from` on, ascending. Of the first minor release
/// also the oldest kernel, because fixes changed the protocol within it.
pub(crate) fn select(offers: &[Offer], flavours: Flavours, from: (u32, u32)) -> Vec<Offer> {
    let mut good: Vec<_> = offers
        .iter()
        .filter(|offer| offer.version.series() >= from)
        .filter_map(|offer| Some((Name::parse(&offer.package, flavours)?, offer)))
        .collect();
    // A package that only depends on the one with the image is not the image.
    let images: Vec<_> = good.iter().filter(|(name, _)| name.kind == 0).map(|(n, _)| *n).collect();
    good.retain(|(name, _)| name.kind == 0 || !images.contains(&Name { kind: 0, ..*name }));
    good.sort_by(|(a, x), (b, y)| {
        let series = x.version.series().cmp(&y.version.series());
        let newest_last =
            || x.version.cmp(&y.version).then_with(|| compare(&x.revision, &y.revision));
        series.then(b.flavour.cmp(&a.flavour)).then_with(newest_last)
    });
    let mut chosen: Vec<Offer> = Vec::new();
    for (index, (name, offer)) in good.iter().enumerate() {
        let next = good.get(index + 1).map(|(_, next)| next.version.series());
        if next != Some(offer.version.series()) {
            if chosen.is_empty() {
                let same = |(n, o): &&(Name<'_>, &Offer)| {
                    n.flavour == name.flavour && o.version < offer.version
                };
                chosen.extend(good.iter().find(same).map(|(_, oldest)| (*oldest).clone()));
            }
            chosen.push((*offer).clone());
        }
    }
    chosen
}

/// The value of `--kernel`: `oldest`, `newest`, a minor release (6.19) or a release (6.12.100).
pub(crate) fn named(offers: &[Offer], flavours: Flavours, all: &[Offer], name: &str) -> Vec<Offer> {
    let ends = match name {
        "oldest" => all.first(),
        "newest" => all.last(),
        _ => None,
    };
    if let Some(end) = ends {
        return vec![end.clone()];
    }
    let of_series = |offer: &&Offer| {
        let (major, minor) = offer.version.series();
        format!("{major}.{minor}") == name
    };
    let found: Vec<_> = all.iter().filter(of_series).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    let exact: Vec<_> =
        offers.iter().filter(|offer| offer.version.to_string() == name).cloned().collect();
    select(&exact, flavours, (0, 0)).pop().into_iter().collect()
}

/// The newest kernel of a minor release.
pub(crate) fn newest_of(offers: &[Offer], flavours: Flavours, series: (u32, u32)) -> Option<Offer> {
    let of_series: Vec<_> =
        offers.iter().filter(|offer| offer.version.series() == series).cloned().collect();
    select(&of_series, flavours, (0, 0)).pop()
}

/// Compares two Debian versions as dpkg does: digits by value, `~` before everything, letters
/// before the rest.
fn compare(a: &str, b: &str) -> Ordering {
    fn weight(c: Option<&u8>) -> i32 {
        match c {
            None => 0,
            Some(b'~') => -1,
            Some(c) if c.is_ascii_digit() => 0,
            Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
            Some(c) => i32::from(*c) + 256,
        }
    }
    fn number(text: &[u8]) -> (&[u8], &[u8]) {
        let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let zeros = digits.iter().take_while(|c| **c == b'0').count();
        (&digits[zeros..], rest)
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        while a.first().is_some_and(|c| !c.is_ascii_digit())
            || b.first().is_some_and(|c| !c.is_ascii_digit())
        {
            let order = weight(a.first()).cmp(&weight(b.first()));
            if order.is_ne() {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let ((x, after_x), (y, after_y)) = (number(a), number(b));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order.is_ne() {
            return order;
        }
        (a, b) = (after_x, after_y);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(package: &str, revision: &str) -> Offer {
        let version = Version::parse(revision).unwrap();
        Offer { package: package.to_owned(), revision: revision.to_owned(), version }
    }

    fn revisions(offers: &[Offer]) -> Vec<&str> {
        offers.iter().map(|offer| offer.revision.as_str()).collect()
    }

    fn offers() -> Vec<Offer> {
        vec![
            offer("linux-image-6.1.0-55-cloud-amd64", "6.1.190-1"),
            offer("linux-image-6.1.0-0.deb11.52-cloud-amd64", "6.1.192-1~deb11u1"),
            offer("linux-image-6.1.0-56-cloud-amd64", "6.1.192-1"),
            offer("linux-image-5.10.0-46-cloud-amd64", "5.10.262-1"),
            offer("linux-image-5.10.0-30-cloud-amd64", "5.10.218-1"),
            offer("linux-image-5.10.0-32-cloud-amd64", "5.10.223-1"),
            offer("linux-image-5.10.0-99-amd64", "5.10.999-1"),
            offer("linux-image-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
            offer("linux-binary-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
            offer("linux-image-6.5.9-amd64", "6.5.9-1"),
            offer("linux-image-4.19.0-27-cloud-amd64", "4.19.316-1"),
        ]
    }

    #[test]
    fn names() {
        let good = [
            "linux-image-5.10.0-30-cloud-amd64",
            "linux-binary-7.3.4+deb13-cloud-amd64",
            "linux-image-6.1.0-0.deb11.52-cloud-amd64",
            "linux-image-6.5.9-amd64",
        ];
        let bad = [
            "linux-image-6.1-cloud-amd64",
            "linux-image-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64-unsigned",
            "linux-image-6.1.0-56-cloud-amd64-dbg",
            "linux-image-6.1.0-56-rt-amd64",
            "linux-image-7.4.0-rc2-cloud-amd64",
            "linux-headers-6.1.0-56-cloud-amd64",
            "linux-binary-7.3.4+deb14-cloud-arm64",
        ];
        assert!(good.iter().all(|name| is_kernel(name, AMD64)));
        let wrong: Vec<_> = bad.iter().filter(|name| is_kernel(name, AMD64)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn versions() {
        let text = |v: &str| Version::parse(v).map(|v| v.to_string());
        assert_eq!(text("5.10.218-1").as_deref(), Some("5.10.218"));
        assert_eq!(text("1:6.12-1~exp1").as_deref(), Some("6.12.0"));
        assert_eq!(text("7.4~rc2-1~exp1"), None);
        assert_eq!(text("foo"), None);
    }

    #[test]
    fn the_newest_of_each_and_the_oldest_of_all() {
        let all = select(&offers(), AMD64, (5, 10));
        let want = ["5.10.218-1", "5.10.262-1", "6.1.192-1", "6.5.9-1", "7.3.4-1~bpo13+1"];
        assert_eq!(revisions(&all), want);
        assert_eq!(all[4].package, "linux-binary-7.3.4+deb13-cloud-amd64", "where the image is");
        assert_eq!(all[0].file_name(), "linux-image-5.10.0-30-cloud-amd64_5.10.218-1.vmlinuz");
        assert!(select(&[], AMD64, (5, 10)).is_empty());
    }

    #[test]
    fn kernels_by_name() {
        let all = select(&offers(), AMD64, (5, 10));
        let named = |name| named(&offers(), AMD64, &all, name);
        assert_eq!(revisions(&named("oldest")), ["5.10.218-1"]);
        assert_eq!(revisions(&named("newest")), ["7.3.4-1~bpo13+1"]);
        assert_eq!(revisions(&named("5.10")), ["5.10.218-1", "5.10.262-1"]);
        assert_eq!(revisions(&named("5.10.223")), ["5.10.223-1"]);
        assert_eq!(revisions(&named("6.1.192")), ["6.1.192-1"]);
        assert!(named("5.1").is_empty() && named("6").is_empty());
        let newest = newest_of(&offers()[..2], AMD64, (6, 1)).unwrap();
        assert_eq!(newest.revision, "6.1.192-1~deb11u1");
        assert_eq!(newest_of(&offers(), AMD64, (6, 2)), None);
    }

    #[test]
    fn revisions_compare_as_dpkg_compares_them() {
        for (less, more) in [
            ("6.1.9-1", "6.1.10-1"),
            ("6.1.192-1~deb11u1", "6.1.192-1"),
            ("7.2.12-1~bpo13+1", "7.2.12-1"),
            ("7.2.12-1", "7.2.12-1+b1"),
            ("6.12.90-1", "6.12.90-1.1"),
            ("1.0a", "1.0+"),
        ] {
            assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less), Ordering::Greater, "{less} {more}");
        }
        assert_eq!(compare("1.02-1", "1.2-1"), Ordering::Equal);
    }
}
