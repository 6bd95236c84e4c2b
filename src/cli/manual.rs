//! `completions` and `man`: made from the command line's own definition, so they cannot differ from it.

use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::console::Console;
use super::failure::{Exit, Failure};
use super::{Cli, NAME};

#[derive(clap::Args, Debug)]
pub(super) struct Completions {
    /// The shell that completes
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(clap::Args, Debug)]
pub(super) struct Man {
    /// Write one page for each command into this directory [default: the first page on standard output]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &Completions, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    console.bytes(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man(args: &Man, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let pages = pages();
    let Some(dir) = &args.dir else {
        let first = pages.first().map_or(&[][..], |(_, page)| page);
        console.bytes(first)?;
        return Ok(Exit::Ok);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| {
        let mut pages = pages.iter();
        pages.try_for_each(|(name, page)| std::fs::write(dir.join(name), page))
    });
    written.map_err(|error| {
        let error = format!("cannot write to {}: {error}", dir.display());
        Failure::new(
            Exit::Unavailable,
            error,
            "name a directory that you may write",
        )
    })?;
    Ok(Exit::Ok)
}

/// A page for the program and for each command below it: `channelsync-stock-receive.1`.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    let mut waiting = vec![(NAME.to_owned(), command)];
    while let Some((name, command)) = waiting.pop() {
        let below = command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help");
        waiting.extend(below.map(|sub| (format!("{name}-{}", sub.get_name()), sub.clone())));
        let mut page = Vec::new();
        // `build` gave each command below its whole name.
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.expect("memory takes every page");
        pages.push((format!("{name}.1"), page));
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_command_has_a_page_that_names_it() {
        let pages = pages();
        assert_eq!(pages.first().unwrap().0, "channelsync.1");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for wanted in [
            "channelsync-run.1",
            "channelsync-stock-receive.1",
            "channelsync-man.1",
        ] {
            assert!(names.contains(&wanted), "{wanted} not in {names:?}");
        }
        for (name, page) in &pages {
            let text = String::from_utf8(page.clone()).unwrap();
            let title = name.trim_end_matches(".1");
            assert!(text.contains(&format!(".TH {title} 1")), "{name}: {text}");
            assert!(text.contains(".SH SYNOPSIS"), "{name}");
        }
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), NAME, &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell} {command}");
            }
        }
    }
}
