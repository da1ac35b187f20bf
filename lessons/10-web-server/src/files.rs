//! From what is asked for to a file, and never out of the folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::Refusal;

/// What a target leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A file of the folder; its real path.
    File(PathBuf),
    /// A folder whose path has no `/` at its end: relative links in its page would lead elsewhere.
    /// Here is the target with it.
    Moved(String),
}

/// The longest name or path that we look for, in bytes.
const MAX_PATH: usize = 4096;

/// Looks for what a request's target names, below `root`, which is a real path: one that
/// `canonicalize` has returned.
///
/// # Errors
/// 400 for a target that is none, or that climbs; 403 for what is not in the folder, is no file, or
/// may not be read; 404 for what is not there, or whose name begins with a dot.
pub fn find(root: &Path, target: &str) -> Result<Found, Refusal> {
    let (segments, ends_with_slash) = segments(target)?;
    let mut path = root.to_owned();
    for segment in &segments {
        let hidden = segment.starts_with('.');
        // On Windows a name can also be a drive, `C:`, and joining it would replace all before.
        let mut components = Path::new(segment).components();
        let plain = matches!(components.next(), Some(Component::Normal(_)));
        if hidden || !plain || components.next().is_some() {
            return Err(absent());
        }
        path.push(segment);
    }
    // Follows symbolic links, so what comes out is where we would really read.
    let mut real = real_path(&path)?;
    if !real.starts_with(root) {
        return Err(Refusal::new(403, "it leads out of the folder"));
    }
    let mut metadata = fs::metadata(&real).map_err(|e| unreadable(&e))?;
    if metadata.is_dir() {
        if !ends_with_slash {
            return Ok(Found::Moved(encode(&segments)));
        }
        real = real_path(&real.join("index.html"))?;
        if !real.starts_with(root) {
            return Err(Refusal::new(403, "it leads out of the folder"));
        }
        metadata = fs::metadata(&real).map_err(|e| unreadable(&e))?;
    } else if ends_with_slash {
        return Err(absent());
    }
    // Opening a FIFO would wait for a writer, and some devices never end.
    match metadata.is_file() {
        true => Ok(Found::File(real)),
        false => Err(Refusal::new(403, "it is not a file")),
    }
}

/// The names between the slashes of a target, decoded, without empty ones; and whether it ends with
/// a slash. What follows a `?` is cut off.
///
/// # Errors
/// 400 for a target that is no path, or in which a name cannot be one.
pub fn segments(target: &str) -> Result<(Vec<String>, bool), Refusal> {
    // A client that takes us for a proxy sends the whole URL, and RFC 9112 (3.2.2) has us take it.
    let path = match target.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => {
            let rest = &target[7..];
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    let path = path.split('?').next().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(Refusal::bad("the target is no path"));
    }
    if path.len() > MAX_PATH {
        return Err(absent());
    }
    let mut segments = Vec::new();
    // Cut first, then decode, and decode once: a `%2f` is no border between names.
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decode(segment)?;
        if segment == "." || segment == ".." {
            return Err(Refusal::bad("the target climbs"));
        }
        if segment.contains(['/', '\\', '\0']) {
            return Err(Refusal::bad("the target has a name that can be none"));
        }
        segments.push(segment);
    }
    Ok((segments, path.ends_with('/')))
}

/// `%41` is an `A`. Works on bytes: a string could not be cut inside a character.
fn decode(segment: &str) -> Result<String, Refusal> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(Refusal::bad("a % without two hexadecimal digits"));
        };
        decoded.push((high * 16 + low) as u8); // at most 255
    }
    String::from_utf8(decoded).map_err(|_| absent()) // no name here is anything else
}

/// The path of a folder, for a header: everything but letters, digits and a few marks is encoded.
fn encode(segments: &[String]) -> String {
    let mut path = String::from("/");
    for segment in segments {
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                path.push(char::from(byte));
            } else {
                path.push_str(&format!("%{byte:02X}"));
            }
        }
        path.push('/');
    }
    path
}

fn real_path(path: &Path) -> Result<PathBuf, Refusal> {
    path.canonicalize().map_err(|e| unreadable(&e))
}

/// Many errors mean that there is no such file: a name that is too long, a file where a folder should
/// be, links in a circle. They are 404 as well.
fn unreadable(error: &io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::PermissionDenied => Refusal::new(403, "it may not be read"),
        _ => absent(),
    }
}

fn absent() -> Refusal {
    Refusal::new(404, "there is no such file")
}

/// What a file's name says about its content.
pub fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default();
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// A time as HTTP writes it: `Fri, 27 Nov 2026 15:30:00 GMT`. Lesson 4 tells about times.
pub fn http_date(time: SystemTime) -> String {
    // A file may claim any time. One that jiff does not know becomes the first second of 1970.
    let time = jiff::Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cuts_a_target_into_names() {
        for (target, expected) in [
            ("/", Ok((vec![], true))),
            ("/a/b.html", Ok((vec!["a", "b.html"], false))),
            ("/a%20b/%C3%A9/?x=/../y", Ok((vec!["a b", "é"], true))),
            ("//a///b", Ok((vec!["a", "b"], false))),
            ("http://host:80/a", Ok((vec!["a"], false))),
            ("HTTP://host", Ok((vec![], true))),
            ("/..a/b..", Ok((vec!["..a", "b.."], false))),
            ("/%252e%252e", Ok((vec!["%2e%2e"], false))),
            ("/+", Ok((vec!["+"], false))),
            ("", Err(400)),
            ("*", Err(400)),
            ("a", Err(400)),
            ("?", Err(400)),
            ("/..", Err(400)),
            ("/.", Err(400)),
            ("/a/%2E%2e/b", Err(400)),
            ("/a%2fb", Err(400)),
            ("/a%5Cb", Err(400)),
            ("/a\\b", Err(400)),
            ("/a%00", Err(400)),
            ("/%", Err(400)),
            ("/%4", Err(400)),
            ("/%zz", Err(400)),
            ("/%+5", Err(400)),
            ("/%ff", Err(404)),
        ] {
            let got = segments(target).map_err(|refusal| refusal.status);
            let expected = expected.map(|(names, slash)| {
                let names = names.into_iter().map(str::to_owned).collect();
                (names, slash)
            });
            assert_eq!(got, expected, "{target:?}");
        }
        assert!(segments(&"/x".repeat(MAX_PATH)).is_err());
    }

    #[test]
    fn a_moved_folder_stays_on_this_server() {
        // "//host/" would be another server.
        let (names, _) = segments("//host/a%20b/%0d%0aX:").expect("it is a path");
        assert_eq!(encode(&names), "/host/a%20b/%0D%0AX%3A/");
    }

    #[test]
    fn writes_dates_as_http_does() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT"); // the RFC's own example
    }
}
