//! `docs/requirements.md`: which test proves which requirement, and which change of the product
//! makes that test fail.

/// The highest requirement there is.
const NUMBER_MAX: u32 = 72;

/// What is wrong with the table. `read` gives the text of a file of the workspace.
pub(super) fn check(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = table
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with('|'));
    let mut faults = Vec::new();
    let mut count = 0;
    for (at, line) in rows.skip(2) {
        count += 1;
        if let Err(why) = row(line, &read) {
            faults.push(format!("docs/requirements.md:{}: {why}", at + 1));
        }
    }
    if count == 0 {
        faults.push("docs/requirements.md: no row".to_owned());
    }
    faults
}

fn row(line: &str, read: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let cells: Vec<&str> = line
        .trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect();
    let [requirement, test, mutation] = cells[..] else {
        return Err(format!(
            "{} columns, not the 3 of requirement, test, mutation",
            cells.len()
        ));
    };
    let number = requirement
        .strip_prefix('R')
        .and_then(|number| number.parse::<u32>().ok());
    if !number.is_some_and(|number| (1..=NUMBER_MAX).contains(&number)) {
        return Err(format!("`{requirement}` is no requirement"));
    }
    let Some((file, name)) = test.trim_matches('`').split_once("::") else {
        return Err(format!("`{test}` is not path/file.rs::function"));
    };
    let text = read(file).ok_or_else(|| format!("there is no {file}"))?;
    let marks = marks(&text, name).ok_or_else(|| format!("{file} has no function {name}"))?;
    if !marks
        .iter()
        .any(|mark| mark.starts_with("#[") && mark.contains("test"))
    {
        return Err(format!("{name} is no test"));
    }
    let says = |mark: &&str| {
        mark.starts_with("///")
            && mark
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == requirement)
    };
    if !marks.iter().any(|mark| says(&mark.as_ref())) {
        return Err(format!("{name} does not say `/// {requirement}`"));
    }
    let changed = mutation.split('`').nth(1).unwrap_or_default();
    if read(changed).is_none() {
        return Err("the mutation begins with the `path/file.rs` it changes".to_owned());
    }
    if mutation.len() < changed.len() + 12 {
        return Err("the mutation says what is changed".to_owned());
    }
    Ok(())
}

/// The attributes and doc comments above a function.
fn marks(text: &str, name: &str) -> Option<Vec<String>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_it = |line: &&str| {
        let after = line
            .split("fn ")
            .nth(1)
            .and_then(|rest| rest.strip_prefix(name));
        after.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let at = lines.iter().position(is_it)?;
    let above = lines[..at].iter().rev();
    Some(
        above
            .take_while(|line| line.starts_with("#[") || line.starts_with("///"))
            .map(|line| (*line).to_owned())
            .collect(),
    )
}

#[test]
fn a_wrong_row_is_caught() {
    let code = "/// R7 and R8\n#[test]\nfn pages_overlap() {}\n\n/// R9\nfn helper() {}\n\n#[tokio::test]\nasync fn no_mark() {}";
    let read = |path: &str| (path == "a.rs").then(|| code.to_owned());
    let table = |row: &str| format!("text\n\n| R | test | mutation |\n|---|---|---|\n{row}\n");
    for (row, expected) in [
        (
            "| R7 | `a.rs::pages_overlap` | `a.rs`: start at the watermark |",
            None,
        ),
        (
            "| R8 | a.rs::pages_overlap | in `a.rs` start at the watermark |",
            None,
        ),
        ("", Some("no row")),
        ("| R7 | `a.rs::pages_overlap` |", Some("columns")),
        (
            "| R99 | `a.rs::pages_overlap` | `a.rs`: start at the watermark |",
            Some("`R99` is no requirement"),
        ),
        (
            "| R7 | `a.rs` | `a.rs`: start at the watermark |",
            Some("is not path"),
        ),
        (
            "| R7 | `b.rs::pages_overlap` | `a.rs`: start at the watermark |",
            Some("no b.rs"),
        ),
        (
            "| R7 | `a.rs::pages` | `a.rs`: start at the watermark |",
            Some("no function pages"),
        ),
        (
            "| R9 | `a.rs::helper` | `a.rs`: start at the watermark |",
            Some("helper is no test"),
        ),
        (
            "| R7 | `a.rs::no_mark` | `a.rs`: start at the watermark |",
            Some("does not say"),
        ),
        (
            "| R7 | `a.rs::pages_overlap` | start at the watermark |",
            Some("begins with"),
        ),
        ("| R7 | `a.rs::pages_overlap` | `a.rs` |", Some("says what")),
    ] {
        let faults = check(&table(row), read);
        match expected {
            None => assert_eq!(faults, Vec::<String>::new(), "{row}"),
            Some(text) => assert!(
                faults.len() == 1 && faults[0].contains(text),
                "{row}: {faults:?}"
            ),
        }
    }
}
