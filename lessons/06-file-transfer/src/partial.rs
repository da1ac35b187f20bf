use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// A file that is not there until it is complete. If it is dropped before, nothing is left of it.
pub enum Partial {
    /// Linux: a file in the folder without a name. The kernel removes it when the program ends,
    /// however it ends.
    #[cfg(target_os = "linux")]
    Nameless(File),
    /// Elsewhere, and on file systems without nameless files: a name that nobody else uses. It
    /// stays if the program is killed.
    Named(NamedTempFile),
}

impl Partial {
    /// Begins a file in the folder in which it will stand: only there it can be renamed in one
    /// step.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(dir: &Path) -> io::Result<Partial> {
        #[cfg(target_os = "linux")]
        if let Ok(file) = linux::nameless(dir) {
            return Ok(Partial::Nameless(file));
        }
        Ok(Partial::Named(builder().tempfile_in(dir)?))
    }

    /// Lets the complete file appear under its name, all of it at once. A file, folder or
    /// symbolic link that is there already is replaced with `force`, and an error without.
    ///
    /// # Errors
    /// It cannot be written to the disk, or the name is taken.
    pub fn publish(self, path: &Path, force: bool) -> io::Result<()> {
        self.file().sync_all()?; // first the bytes, then the name: also after a power failure
        match self {
            #[cfg(target_os = "linux")]
            Partial::Nameless(file) if !force => linux::link(&file, path),
            #[cfg(target_os = "linux")]
            Partial::Nameless(file) => {
                // A link does not replace, a rename does: link it under another name first.
                let dir = path.parent().unwrap_or(Path::new("."));
                let linked = builder().make_in(dir, |other| linux::link(&file, other))?;
                Ok(linked.into_temp_path().persist(path)?)
            }
            Partial::Named(file) if !force => Ok(file.persist_noclobber(path).map(drop)?),
            Partial::Named(file) => Ok(file.persist(path).map(drop)?),
        }
    }

    fn file(&self) -> &File {
        match self {
            #[cfg(target_os = "linux")]
            Partial::Nameless(file) => file,
            Partial::Named(file) => file.as_file(),
        }
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

/// How temporary files are named.
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".receiving-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    builder
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, OFlags, linkat};

    /// A file that has no name yet (`man 2 open`, O_TMPFILE).
    pub fn nameless(dir: &Path) -> io::Result<File> {
        let flags = OFlags::TMPFILE.bits().cast_signed();
        OpenOptions::new().write(true).custom_flags(flags).open(dir)
    }

    /// Gives it a name, if that is free.
    pub fn link(file: &File, path: &Path) -> io::Result<()> {
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Both kinds, whatever the file system and the system offer.
    fn both(dir: &Path) -> [Partial; 2] {
        let named = builder()
            .tempfile_in(dir)
            .expect("the folder can be written to");
        let chosen = Partial::new(dir).expect("the folder can be written to");
        [chosen, Partial::Named(named)]
    }

    fn count(dir: &Path) -> usize {
        fs::read_dir(dir).expect("the folder is there").count()
    }

    #[test]
    fn nothing_is_left_of_a_file_that_is_dropped() {
        let dir = tempfile::tempdir().expect("there is room");
        for mut partial in both(dir.path()) {
            partial.write_all(b"half").expect("there is room");
        }
        assert_eq!(count(dir.path()), 0);
    }

    #[test]
    fn replaces_only_with_force() {
        let dir = tempfile::tempdir().expect("there is room");
        let path = dir.path().join("file");
        for (i, mut partial) in both(dir.path()).into_iter().enumerate() {
            fs::write(&path, "old").expect("there is room");
            partial.write_all(b"new").expect("there is room");
            let error = partial
                .publish(&path, false)
                .expect_err("the name is taken");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).expect("it is there"), b"old");

            let mut partial = both(dir.path()).into_iter().nth(i).expect("there are two");
            partial.write_all(b"new").expect("there is room");
            partial.publish(&path, true).expect("it is replaced");
            assert_eq!(fs::read(&path).expect("it is there"), b"new");
        }
        assert_eq!(count(dir.path()), 1);
    }

    #[cfg(unix)]
    #[test]
    fn has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("there is room");
        let mode = |path: &Path| fs::metadata(path).map(|m| m.permissions().mode());
        let ordinary = dir.path().join("ordinary");
        fs::write(&ordinary, "").expect("there is room");
        for (i, partial) in both(dir.path()).into_iter().enumerate() {
            let path = dir.path().join(i.to_string());
            partial.publish(&path, false).expect("the name is free");
            let modes = (mode(&path), mode(&ordinary));
            assert_eq!(modes.0.expect("it is there"), modes.1.expect("it is there"));
        }
    }
}
