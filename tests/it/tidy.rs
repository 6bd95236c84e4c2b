//! The house rules that no compiler checks: who imports whom, what is pure, who spawns, how long a
//! file is, what must not be left in it, and that each requirement's test exists.
//!
//! Each rule is a function from a source to faults. The tree is held against all of them, and each
//! is tried on a bad sample here, so that none passes by looking at nothing.

mod imports;
mod planted;
mod purity;
mod requirements;
mod source;

use source::{Mention, Source, sources, texts};

/// Lines of a file, tests included.
const LINES_MAX: usize = 500;

/// Who may start tasks or threads besides the daemon, and why.
const SPAWNS: &[(&str, &str)] = &[
    ("src/daemon", "starts, supervises and stops every task"),
    ("src/ports", "the system's version of the Spawn port"),
    (
        "src/edge",
        "a task for each connection, through the Spawn port, so many at most",
    ),
    (
        "src/store",
        "a blocking write leaves the executor; sled is closed in a thread that may hang",
    ),
    (
        "src/cli/demo",
        "its shoppers and doubles live beside the daemon",
    ),
    (
        "src/cli/probe",
        "a connection needs a task; through the port",
    ),
    (
        "src/cli/sandbox",
        "the doubles are served beside whoever asks; through the port",
    ),
    (
        "sandbox/src/courier",
        "a connection needs a task; through the port",
    ),
];

#[test]
fn every_file_keeps_the_house_rules() {
    let sources = sources();
    assert!(
        sources
            .iter()
            .any(|source| source.path == "src/settings/mod.rs"),
        "the tree is read"
    );
    let faults: Vec<String> = sources.iter().flat_map(all).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn all(source: &Source) -> Vec<String> {
    let rules = [
        too_long,
        left_open,
        spawns,
        unbiased,
        purity::impure,
        imports::forbidden,
    ];
    rules.iter().flat_map(|rule| rule(source)).collect()
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let fault = || {
        format!(
            "{}: {lines} lines, more than {LINES_MAX}: split it",
            source.path
        )
    };
    (lines > LINES_MAX).then(fault).into_iter().collect()
}

fn left_open(source: &Source) -> Vec<String> {
    let is_open = |name: &str| matches!(name, "todo!" | "unimplemented!" | "dbg!" | "#ignore");
    let open = source
        .mentions
        .iter()
        .filter(|mention| mention.path.last().is_some_and(|name| is_open(name)));
    open.map(|mention| mention.fault(source, "is not left in the tree"))
        .collect()
}

/// A `select!` that draws by lot would draw otherwise in every run of a seed.
fn unbiased(source: &Source) -> Vec<String> {
    let mut lines = source.text.lines().zip(1..).peekable();
    let mut faults = Vec::new();
    while let Some((line, number)) = lines.next() {
        let begins = line.trim_end().ends_with("select! {");
        let is_biased = lines
            .peek()
            .is_some_and(|(next, _)| next.trim() == "biased;");
        if begins && source.is_product() && !is_biased {
            faults.push(format!(
                "{}:{number}: select! without `biased;`",
                source.path
            ));
        }
    }
    faults
}

fn spawns(source: &Source) -> Vec<String> {
    let may = SPAWNS.iter().any(|(at, _)| source.is_in(at));
    if may {
        Vec::new()
    } else {
        spawns_at_all(source)
    }
}

fn spawns_at_all(source: &Source) -> Vec<String> {
    let starts = |path: &[String]| {
        let last = path.last().map(String::as_str).unwrap_or_default();
        let is_call = matches!(
            last,
            "spawn" | "spawn_blocking" | "spawn_local" | "spawn_on"
        );
        let is_thread = path
            .windows(2)
            .any(|pair| pair[0] == "thread" && matches!(pair[1].as_str(), "Builder" | "scope"));
        last.starts_with(".spawn") || (is_call && path.len() > 1) || is_thread
    };
    let is_start = |mention: &&Mention| !mention.in_test && starts(&mention.path);
    let found = source
        .mentions
        .iter()
        .filter(|_| source.is_product())
        .filter(is_start);
    found
        .map(|mention| mention.fault(source, "starts a task: only the daemon does"))
        .collect()
}

#[test]
fn who_may_spawn_does() {
    let sources = sources();
    for (at, reason) in SPAWNS {
        let mut there = sources.iter().filter(|source| source.is_in(at)).peekable();
        let is_used =
            there.peek().is_none() || there.any(|source| !spawns_at_all(source).is_empty());
        assert!(
            is_used,
            "{at} starts nothing ({reason}): take it off the list"
        );
    }
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let texts = texts();
    assert!(
        texts.iter().any(|(path, _)| path == "Cargo.toml"),
        "the tree is read"
    );
    let faults: Vec<String> = texts
        .iter()
        .flat_map(|(path, text)| named(path, text))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Names that stay outside, put together so that this file does not hold them.
fn names() -> Vec<String> {
    let halves = [
        ("crates", ".io"),
        ("npm", "js."),
        ("py", "pi."),
        ("deb.", "debian."),
        ("ruby", "gems."),
        ("/wo", "rk/"),
        ("/fa", "rm/"),
        ("/tm", "p/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
    ];
    halves
        .iter()
        .map(|(one, other)| format!("{one}{other}"))
        .collect()
}

fn named(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for name in names() {
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(&name));
        faults.extend(lines.map(|(at, _)| format!("{path}:{}: names {name}", at + 1)));
    }
    faults
}

#[test]
fn every_requirement_named_has_its_test() {
    let read = |path: &str| std::fs::read_to_string(source::root().join(path)).ok();
    let table = read("docs/requirements.md").expect("docs/requirements.md is there");
    let faults = requirements::check(&table, read);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn bad_samples_are_caught() {
    let long = "\n".repeat(LINES_MAX + 1);
    for (path, text, expected) in [
        ("src/ats/a.rs", long.as_str(), "501 lines"),
        ("src/ats/a.rs", "fn a() { todo!() }", "todo!"),
        (
            "src/ats/a.rs",
            "#[test]\n#[ignore]\nfn a() {}",
            "src/ats/a.rs:2: #ignore",
        ),
        ("src/ats/a.rs", "fn a() { let x = dbg!(1); }", "dbg!"),
        (
            "src/inbox/a.rs",
            "fn a() {\n    tokio::select! {\n        () = b => {}\n    }\n}",
            "src/inbox/a.rs:2: select!",
        ),
        (
            "src/inbox/a.rs",
            "fn a() { tokio::task::spawn_blocking(b) }",
            "starts a task",
        ),
        (
            "src/inbox/a.rs",
            "use std::{fmt, thread};\nfn a() { thread::spawn(b) }",
            "src/inbox/a.rs:2: thread::spawn",
        ),
        (
            "src/inbox/a.rs",
            "fn a(set: &mut JoinSet<()>) { set.spawn(b) }",
            "starts a task",
        ),
        (
            "sandbox/src/a.rs",
            "fn a(s: &dyn Spawn) { s.spawn(\"b\", c) }",
            "starts a task",
        ),
    ] {
        let faults = all(&Source::read(path, text));
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{text}: {faults:?}"
        );
    }
    for (path, text) in [
        ("src/ats/a.rs", "// todo!()\nconst A: &str = \"dbg!(1)\";"),
        ("src/daemon.rs", "fn a() { tokio::spawn(b) }"),
        (
            "src/inbox/a.rs",
            "#[cfg(test)]\nmod tests { fn a() { tokio::spawn(b) } }",
        ),
        ("tests/it/a.rs", "fn a() { tokio::spawn(b) }"),
    ] {
        assert_eq!(
            all(&Source::read(path, text)),
            Vec::<String>::new(),
            "{text}"
        );
    }
    for name in names() {
        assert_eq!(named("a.md", &format!("a\nsee {name}x")).len(), 1, "{name}");
    }
}
