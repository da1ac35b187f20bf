use std::path::{Component, Path};

/// The longest name, in bytes: most file systems take no longer one.
const LONGEST: usize = 255;

/// Checks a file name from a stranger: it must name a file in the folder that we choose, on any
/// system. A name that does not is refused, not repaired: who sends it means something by it.
///
/// # Errors
/// What is wrong with the name, as a part of a sentence.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > LONGEST {
        return Err("it is longer than 255 bytes");
    }
    if name.contains(char::is_control) {
        return Err("there is a control character in it");
    }
    // On Unix `\` and `:` are letters like any other, on Windows they lead out of the folder.
    if name.contains(['/', '\\', ':']) {
        return Err("there is a / or \\ or : in it");
    }
    if is_reserved(name) {
        return Err("it is a device's name on Windows");
    }
    if name != "." && name != ".." && name.ends_with(['.', ' ']) {
        return Err("Windows drops a dot or a space at its end");
    }
    // What is left must be one step down: `.` and `..` are not.
    let mut components = Path::new(name).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) => Ok(()),
        _ => Err("it is not the name of a file"),
    }
}

/// `NUL`, `com1.txt` and so on: Windows means the device, whatever the extension. (The list is
/// Microsoft's, in "Naming Files, Paths, and Namespaces"; it was not tried here.)
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) {
        return true;
    }
    let number = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
    let mut number = number.unwrap_or("").chars();
    // Windows takes ¹, ² and ³ for digits here.
    matches!(
        (number.next(), number.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    #[test]
    fn what_is_taken_stays_in_the_folder() {
        arbtest(|u| {
            let mut name = String::new();
            let means_something = u.arbitrary()?;
            for _ in 0..u.choose_index(if means_something { 7 } else { 100 })? {
                name.push(match means_something {
                    true => *u.choose(&['a', '.', '/', '\\', ':', ' ', '\0'])?,
                    false => u.arbitrary()?,
                });
            }
            if check_name(&name).is_ok() {
                let path = Path::new("folder").join(&name);
                assert_eq!(path.parent(), Some(Path::new("folder")));
                assert_eq!(path.file_name(), Some(name.as_ref()));
                assert!(!name.contains(['/', '\\', ':', '\0']) && name.len() <= 255);
            }
            Ok(())
        });
    }
}
