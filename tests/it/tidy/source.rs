//! Sources as lists of what they mention: paths with `use` trees unfolded and `super` resolved,
//! macros, method calls and attributes, each with its line. Comments and texts mention nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One file of Rust.
pub(super) struct Source {
    /// Below the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) mentions: Vec<Mention>,
    /// Files that are modules only under test.
    test_modules: Vec<String>,
}

/// Something a source names: `["crate", "ats", "Target"]`, `["todo!"]`, `[".spawn"]`, `["#ignore"]`.
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// Compiled for tests only.
    pub(super) in_test: bool,
}

impl Mention {
    pub(super) fn fault(&self, source: &Source, why: &str) -> String {
        format!(
            "{}:{}: {} {why}",
            source.path,
            self.line,
            self.path.join("::")
        )
    }
}

impl Source {
    pub(super) fn read(path: &str, text: &str) -> Self {
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut reader = Reader {
            module: module(path),
            folder: folder(path),
            in_test: false,
            mentions: Vec::new(),
            test_modules: Vec::new(),
        };
        reader.read(tokens);
        let Reader {
            mentions,
            test_modules,
            ..
        } = reader;
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            mentions,
            test_modules,
        }
    }

    /// Whether the file is `at` itself (`src/daemon` for `src/daemon.rs`) or below it.
    pub(super) fn is_in(&self, at: &str) -> bool {
        self.path
            .strip_prefix(at)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// Whether it is compiled into a library or program.
    pub(super) fn is_product(&self) -> bool {
        self.path.starts_with("src/") || self.path.contains("/src/")
    }
}

/// The workspace.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the workspace with its path.
pub(super) fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    list(&root(), &mut files);
    files.sort();
    let texts = files.into_iter().filter_map(|file| {
        let path = file.strip_prefix(root()).ok()?.to_str()?.to_owned();
        Some((path, fs::read_to_string(file).ok()?))
    });
    texts.collect()
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != ".git" {
            list(&path, files);
        } else if path.is_file() && name != "Cargo.lock" && name != ".git" {
            files.push(path);
        }
    }
}

/// Every Rust file of the workspace.
pub(super) fn sources() -> Vec<Source> {
    let rust = texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust
        .map(|(path, text)| Source::read(&path, &text))
        .collect();
    let test_modules: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| source.test_modules.iter().cloned())
        .collect();
    for source in &mut sources {
        if test_modules.iter().any(|module| source.is_in(module)) {
            source
                .mentions
                .iter_mut()
                .for_each(|mention| mention.in_test = true);
        }
    }
    sources
}

/// The module a file is, below its crate.
fn module(path: &str) -> Vec<String> {
    let below = path.split_once("src/").map_or(path, |(_, below)| below);
    let stem = below.strip_suffix(".rs").unwrap_or(below);
    let names = stem
        .split('/')
        .filter(|name| !matches!(*name, "mod" | "lib" | "main"));
    names.map(str::to_owned).collect()
}

/// Where the files of a file's modules are.
fn folder(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let (above, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let owns_above = matches!(name, "mod" | "lib" | "main");
    if owns_above { above } else { stem }.to_owned()
}

struct Reader {
    module: Vec<String>,
    /// Where the files of its modules are.
    folder: String,
    in_test: bool,
    mentions: Vec<Mention>,
    test_modules: Vec<String>,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(&tokens, at);
        }
    }

    /// Reads what begins at `at`; gives the place after it.
    fn step(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => self.attribute(tokens, at),
            TokenTree::Punct(punct) if punct.as_char() == '.' => match &tokens[at + 1..] {
                [TokenTree::Ident(name), rest @ ..] => {
                    let is_call = matches!(
                        rest.first(),
                        Some(TokenTree::Group(_)) | Some(TokenTree::Punct(_))
                    );
                    if is_call {
                        self.mention(vec![format!(".{name}")], &tokens[at]);
                    }
                    at + 2
                }
                _ => at + 1,
            },
            TokenTree::Ident(name) if name == "mod" => match &tokens[at + 1..] {
                [TokenTree::Ident(name), TokenTree::Group(body), ..] => {
                    self.module.push(name.to_string());
                    self.read(body.stream());
                    self.module.pop();
                    at + 3
                }
                [TokenTree::Ident(name), ..] => {
                    if self.in_test {
                        self.test_modules.push(format!("{}/{name}", self.folder));
                    }
                    at + 2
                }
                _ => at + 1,
            },
            TokenTree::Ident(_) => self.path(&[], tokens, at),
            TokenTree::Group(group) => {
                self.read(group.stream());
                at + 1
            }
            _ => at + 1,
        }
    }

    /// An attribute; the item below `#[cfg(test)]` is read as a test.
    fn attribute(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let is_inner = is_punct(tokens.get(at + 1), '!');
        let body_at = at + 1 + usize::from(is_inner);
        let Some(TokenTree::Group(body)) = tokens.get(body_at) else {
            return at + 1;
        };
        if has_ident(body.stream(), "ignore") {
            self.mention(vec!["#ignore".to_owned()], &tokens[at]);
        }
        let text: String = body.stream().to_string().split_whitespace().collect();
        let after = body_at + 1;
        if text != "cfg(test)" {
            return after;
        }
        if is_inner {
            self.in_test = true;
            return after;
        }
        let end = after + item_length(&tokens[after..]);
        let was = std::mem::replace(&mut self.in_test, true);
        self.read(tokens[after..end].iter().cloned().collect());
        self.in_test = was;
        end
    }

    /// A path and, in a `use` tree, all its branches.
    fn path(&mut self, above: &[String], tokens: &[TokenTree], start: usize) -> usize {
        let mut path = above.to_vec();
        let mut at = start;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(name) => path.push(name.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && at > start => {
                    self.branches(&path, group.stream());
                    return at + 1;
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' && at > start => {
                    path.push("*".to_owned())
                }
                _ => break,
            }
            at += 1;
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            at += 2;
        }
        if is_punct(tokens.get(at), '!') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_)))
        {
            path = path
                .last()
                .map(|name| format!("{name}!"))
                .into_iter()
                .collect();
        }
        self.mention(path, &tokens[start]);
        at.max(start + 1)
    }

    fn branches(&mut self, above: &[String], tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for branch in tokens.split(|token| is_punct(Some(token), ',')) {
            if !branch.is_empty() {
                self.path(above, branch, 0);
            }
        }
    }

    fn mention(&mut self, path: Vec<String>, token: &TokenTree) {
        let path = self.resolved(path);
        self.mentions.push(Mention {
            path,
            line: token.span().start().line,
            in_test: self.in_test,
        });
    }

    /// `self::` and `super::` as `crate::`.
    fn resolved(&self, path: Vec<String>) -> Vec<String> {
        let is_self = path.len() > 1 && path[0] == "self";
        let ups = path
            .iter()
            .skip(usize::from(is_self))
            .take_while(|name| *name == "super")
            .count();
        if !is_self && ups == 0 {
            return path;
        }
        let kept = self.module.len().saturating_sub(ups);
        let root = std::iter::once("crate".to_owned()).chain(self.module[..kept].iter().cloned());
        root.chain(path.into_iter().skip(ups + usize::from(is_self)))
            .collect()
    }
}

/// Tokens of the item that comes first.
fn item_length(tokens: &[TokenTree]) -> usize {
    let mut is_use = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(name) if name == "use" => is_use = true,
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace && !is_use => {
                return at + 1;
            }
            token if is_punct(Some(token), ';') => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn has_ident(tokens: TokenStream, wanted: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == wanted,
        TokenTree::Group(group) => has_ident(group.stream(), wanted),
        _ => false,
    })
}

#[test]
fn paths_are_unfolded_and_resolved() {
    let text = "
        use crate::{ats::{self, Target as T}, ledger::*};
        use super::store;
        mod inner { fn f() { super::g(self::h); } }
        fn f(a: Vec<tokio::time::Instant>) { b::c!(d); e.f(1); if !g != h {} }
        #[cfg(test)] use std::{env, fs};
        #[cfg(test)] mod tests { use super::*; }
        #[cfg(test)] mod samples;
    ";
    let source = Source::read("src/outbox/plan.rs", text);
    assert_eq!(source.test_modules, ["src/outbox/plan/samples"]);
    let found: Vec<String> = source
        .mentions
        .iter()
        .filter(|mention| mention.path.len() > 1 || mention.path[0].contains(['!', '.']))
        .map(|mention| {
            format!(
                "{}{}",
                if mention.in_test { "test " } else { "" },
                mention.path.join("::")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "crate::ats::self",
            "crate::ats::Target",
            "crate::ledger::*",
            "crate::outbox::store",
            "crate::outbox::plan::g",
            "crate::outbox::plan::inner::h",
            "tokio::time::Instant",
            "c!",
            ".f",
            "test std::env",
            "test std::fs",
            "test crate::outbox::plan::*",
        ]
    );
}
