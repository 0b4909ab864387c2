//! Files that are written, and must not destroy what is there.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, anyhow};

/// Creates the file, or with `force` writes over it. It must not be `input`, the file that is read
/// meanwhile (`-` is standard input).
pub(crate) fn create(path: &Path, force: bool, input: Option<&Path>) -> anyhow::Result<File> {
    if let Some(input) = input.filter(|input| is_same(input, path)) {
        return Err(anyhow!(
            "{} is the file that is read ({}), and would be destroyed: give another name with \
             --output",
            path.display(),
            input.display()
        ));
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => anyhow!("cannot create {}: {error}", path.display()),
    })
}

/// The error for a file that would be written over.
pub(crate) fn exists(path: &Path) -> anyhow::Error {
    anyhow!("{} exists: give another name, or --force to write over it", path.display())
}

/// Refuses what [`write()`] would refuse: a long run calls it first.
pub(crate) fn may_be_written(path: &Path, force: bool) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Err(anyhow!(
            "- is no file, and standard output has the result: give a file's name"
        ));
    }
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(exists(path));
    }
    may_be_replaced(path)
}

/// Writes a whole file; over a regular file with `force` only.
pub(crate) fn write(path: &Path, force: bool, text: &str) -> anyhow::Result<()> {
    may_be_written(path, force)?;
    create(path, force, None)?
        .write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whether both are one file, also by a link. `-` is standard input.
fn is_same(input: &Path, output: &Path) -> bool {
    let read = if input == Path::new("-") { of_stdin() } else { fs::metadata(input) };
    let (Ok(read), Ok(written)) = (read, fs::metadata(output)) else { return false };
    // Others, such as /dev/null, are not destroyed.
    let place = |file: &Metadata| file.is_file().then(|| (file.dev(), file.ino()));
    place(&read).is_some() && place(&read) == place(&written)
}

fn of_stdin() -> io::Result<Metadata> {
    File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

/// Refuses a path that is neither absent nor a regular file: replacing it would destroy a device,
/// a pipe or a link.
pub(crate) fn may_be_replaced(path: &Path) -> anyhow::Result<()> {
    let what = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", path.display()));
        }
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if found.is_symlink() => "a symbolic link: give the file that it names",
        Ok(found) if found.is_dir() => "a folder: give the name of a file in it",
        Ok(_) => "not a regular file: give the name of one, or of none",
    };
    Err(anyhow!("{} would be replaced, but it is {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn an_existing_file_is_kept_unless_it_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rbcap");
        fs::write(&path, "precious").unwrap();
        let error = create(&path, false, None).unwrap_err().to_string();
        assert!(error.contains("exists: give another name"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        create(&path, true, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        let error = create(&folder.path().join("no/a"), false, None).unwrap_err().to_string();
        assert!(error.contains("cannot create"), "{error}");
    }

    #[test]
    fn the_input_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let [path, soft, hard] = ["a", "soft", "hard"].map(|name| folder.path().join(name));
        fs::write(&path, "precious").unwrap();
        symlink(&path, &soft).unwrap();
        fs::hard_link(&path, &hard).unwrap();
        for output in [&path, &soft, &hard] {
            let error = create(output, true, Some(&path)).unwrap_err().to_string();
            assert!(error.contains("is the file that is read"), "{error}");
            assert!(create(&path, true, Some(output)).is_err());
        }
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        create(&folder.path().join("b"), false, Some(&path)).unwrap();
        create(Path::new("/dev/null"), true, Some(Path::new("/dev/null"))).unwrap();
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, pipe, none] = ["a", "b", "c", "d"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        may_be_replaced(&file).unwrap();
        may_be_replaced(&none).unwrap();
        for (path, why) in [
            (&*link, "a symbolic link"),
            (&pipe, "not a regular file"),
            (folder.path(), "a folder"),
        ] {
            let error = may_be_replaced(path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
