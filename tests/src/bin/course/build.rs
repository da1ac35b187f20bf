//! What a command builds before it runs.

use course::cargo;
use regex::Regex;
use shared::Failure;

/// Has Cargo build some of the course's programs, and show that it does.
pub fn build(programs: &[&str]) -> Result<(), Failure> {
    let mut build = cargo();
    build.arg("build");
    // Not by their package: Cargo would choose other features of what they depend on, and compile
    // that once more.
    for program in programs {
        build.args(["--bin", program]);
    }
    if !cfg!(debug_assertions) {
        build.arg("--release"); // as this program was built, so that they lie beside it
    }
    let status = build
        .status()
        .map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if status.success() {
        return Ok(());
    }
    let programs = programs.join(" and ");
    Err(Failure::new(format!("cargo could not build {programs}")))
}

/// The path of a program in Cargo's messages, which are JSON, a line each; with a target's name, of
/// that one. Cargo names everything that it has built, such as what a test uses.
pub fn executable(messages: &str, target: Option<&str>) -> Option<String> {
    let pattern = Regex::new(r#""executable":"([^"]+)""#).expect("the pattern is tested");
    let name = target.map(|target| format!("\"name\":\"{target}\""));
    let of_target = |line: &&str| name.as_ref().is_none_or(|name| line.contains(name));
    let mut found = messages.lines().filter(of_target);
    let path = found.find_map(|line| Some(pattern.captures(line)?[1].to_owned()))?;
    Some(path.replace(r"\\", r"\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_programs_path_from_cargos_messages() {
        let messages = "{\"target\":{\"name\":\"shared\"},\"executable\":null}\n\
            {\"target\":{\"name\":\"echo\"},\"executable\":\"/a/echo\"}\n\
            {\"target\":{\"name\":\"play\"},\"executable\":\"C:\\\\a b\\\\play.exe\"}\n\
            {\"success\":true}\n";
        let play = executable(messages, Some("play"));
        assert_eq!(play.as_deref(), Some(r"C:\a b\play.exe"));
        assert_eq!(executable(messages, None).as_deref(), Some("/a/echo"));
        assert_eq!(executable(messages, Some("shared")), None);
    }
}
