//! What other programs tell: callgrind the instructions, the binary beside this one the allocations.

use std::process::Command;

const FEW: u64 = 1_000;
const MANY: u64 = 6_000;

/// Instructions a call of the stack called `name`: a run of many calls less a run of few.
///
/// # Errors
/// No valgrind here, or not a word from it.
pub fn instructions(name: &str) -> Result<f64, String> {
    Ok((collected(name, MANY)? - collected(name, FEW)?) / (MANY - FEW) as f64)
}

fn collected(name: &str, calls: u64) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--run", name, &calls.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; without it no instructions are counted"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let number = text.lines().find_map(|line| line.split("Collected :").nth(1));
    number
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("callgrind said nothing of {name}: {text}"))
}

/// Allocations a call of every stack.
///
/// # Errors
/// The binary `allocations` was not built with this one.
pub fn allocations() -> Result<Vec<(String, f64)>, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(this.with_file_name("allocations"))
        .output()
        .map_err(|error| format!("allocations: {error}; build both with `cargo build --release`"))?;
    let row = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| row(line).ok_or_else(|| format!("not a row: {line}"))).collect()
}

/// The version of a package in this program, from its lock file; `?` if it is not in it.
pub fn version(package: &str) -> &'static str {
    const LOCK: &str = include_str!("../Cargo.lock");
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name);
    lines.nth(1).and_then(|line| line.split('"').nth(1)).unwrap_or("?")
}

/// What `rustc --version` says.
pub fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "rustc unknown".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read_from_the_lock_file() {
        assert!(super::version("tower-resilience").starts_with("0.13."));
        assert!(super::version("tower").starts_with("0.5."));
        assert_eq!(super::version("no-such-package"), "?");
    }
}
