//! `init`: a first configuration, from flags and a few questions. Overwrites nothing.

use std::io::{self, BufRead, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::CONFIG_DIR;
use super::console::Console;
use super::failure::{Exit, Failure};
use crate::settings;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Your name as an id: lower-case letters, digits, hyphens
    #[arg(long, value_name = "ID")]
    name: Option<String>,
    /// The shop's permanent host, as in acme-us.myshopify.com
    #[arg(long, value_name = "HOST")]
    shop: Option<String>,
    /// Where you count stock, each with the shop's number of it, first choice first
    #[arg(long, value_name = "main=101,annex=102")]
    locations: Option<String>,
    /// The app's client id, where its secret is to stay in a file; without it both are sealed by
    /// `credentials set`
    #[arg(long, value_name = "ID", requires = "client_secret_file")]
    client_id: Option<String>,
    /// The file (mode 0600) that holds the app's client secret and nothing else
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
    /// Where calls go instead of the shop: a test double
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Where channels reach the webhook listener; without it orders are polled only
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// When the opening stock was counted, with its offset [default: now]
    #[arg(long, value_name = "TIME")]
    book_from: Option<String>,
    /// Where the daemon keeps its books [default: /var/lib/channelsync; beside the files, where
    /// --config names another directory than /etc/channelsync]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// What the files are made from.
struct Answers {
    name: String,
    shop: String,
    locations: Vec<(String, String)>,
    book_from: String,
}

pub(super) fn run(
    args: &Args,
    dir: &Path,
    json_wanted: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let answers = ask(args, &mut io::stdin().lock(), console)?;
    let written = write(args, &answers, dir)?;
    if let Err(faults) = settings::load(dir, &console.env) {
        // What does not load is of no use, and must not be in the way of the next try.
        for path in &written {
            drop(std::fs::remove_file(path));
        }
        return Err(faults.into());
    }
    if json_wanted {
        console.json(&json!({ "written": written }))?;
        return Ok(Exit::Ok);
    }
    for path in &written {
        console.print(&format!("written: {}", path.display()))?;
    }
    console.print(&next(args, &answers.name, dir))?;
    Ok(Exit::Ok)
}

/// The commands that lead from here to a channel that is kept truthful.
fn next(args: &Args, name: &str, dir: &Path) -> String {
    let at = match dir.to_str() {
        Some(CONFIG_DIR) => String::new(),
        _ => format!(" --config {}", dir.display()),
    };
    let mut steps = vec![
        ("check --online", "what is missing on the channel"),
        (
            "run",
            "the daemon, in shadow mode: all is computed, nothing is written",
        ),
        (
            "adopt shopify",
            "opening counts from what it shows (or a file of them: stock import)",
        ),
        ("shadow shopify", "what would be written"),
        ("reload", "once the merchant's file says mode = \"live\""),
    ];
    let set = format!("credentials set {name}/shopify");
    if args.client_id.is_none() {
        let why = "asks for the app's client id and secret, tries and seals them";
        steps.insert(0, (&set, why));
    }
    let lines = steps
        .iter()
        .map(|(command, why)| format!("\n  channelsync {command}{at}    # {why}"));
    format!("next, one after the other:{}", lines.collect::<String>())
}

fn ask(
    args: &Args,
    input: &mut dyn BufRead,
    console: &mut Console<'_>,
) -> Result<Answers, Failure> {
    let mut answer = |given: Option<String>, question: &str, flag: &str| {
        if let Some(given) = given {
            return Ok(given);
        }
        console.tell(format_args!("{question}: "));
        let mut line = String::new();
        match input.read_line(&mut line) {
            Ok(_) if !line.trim().is_empty() => Ok(line.trim().to_owned()),
            Ok(_) | Err(_) => {
                let error = format!("no answer to: {question}");
                Err(Failure::usage(error, format!("say it with {flag}")))
            }
        }
    };
    let name = answer(
        args.name.clone(),
        "Your name as an id, as in acme",
        "--name",
    )?;
    let shop = answer(
        args.shop.clone(),
        "The shop's permanent host, as in acme-us.myshopify.com",
        "--shop",
    )?;
    let locations = answer(
        args.locations.clone(),
        "Your locations and the shop's number of each, as in main=101,annex=102",
        "--locations",
    )?;
    let pair = |pair: &str| {
        let named = pair.split_once('=');
        let (ours, theirs) = named.map(|(ours, theirs)| (ours.trim(), theirs.trim()))?;
        (!ours.is_empty() && !theirs.is_empty()).then(|| (ours.to_owned(), theirs.to_owned()))
    };
    let locations: Option<Vec<_>> = locations.split(',').map(pair).collect();
    let locations = locations.ok_or_else(|| {
        let error = "a location needs both names";
        Failure::usage(error, "write ours=theirs, as in main=101,annex=102")
    })?;
    let now = console.clock.now().to_string();
    Ok(Answers {
        name,
        shop,
        locations,
        book_from: args.book_from.clone().unwrap_or(now),
    })
}

/// The files that were made; a `channelsync.toml` that is there stays as it is.
fn write(args: &Args, answers: &Answers, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if answers.name.is_empty() || !answers.name.chars().all(plain) {
        let error = format!("{:?} is no id", answers.name);
        let help = "use lower-case letters, digits and hyphens";
        return Err(Failure::usage(error, help));
    }
    let merchant = dir
        .join("merchants.d")
        .join(format!("{}.toml", answers.name));
    let main = dir.join("channelsync.toml");
    if merchant.exists() {
        let error = format!("{} is there already", merchant.display());
        return Err(Failure::usage(error, "edit it, or choose another name"));
    }
    let mut written = Vec::new();
    if !main.exists() {
        create(&main, &daemon_file(args, dir))?;
        written.push(main);
    }
    create(&merchant, &merchant_file(args, answers))?;
    written.push(merchant);
    Ok(written)
}

fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(path.parent().unwrap_or(path))?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o640)
            .open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error: io::Error| {
        let error = format!("cannot write {}: {error}", path.display());
        let help = "check the directory's owner and mode, or name another with --config";
        Failure::new(Exit::Unavailable, error, help)
    })
}

/// A TOML string: what JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn daemon_file(args: &Args, dir: &Path) -> String {
    let own = if dir == Path::new(CONFIG_DIR) {
        "/var/lib/channelsync"
    } else {
        "state"
    };
    let state_dir = args.state_dir.as_deref().unwrap_or(Path::new(own));
    let url = match &args.public_url {
        Some(url) => format!("public_url = {}\n", quoted(url)),
        None => "#public_url = \"https://hooks.example.com\"\n".to_owned(),
    };
    format!(
        "# Settings of the process; channelsync.example.toml explains every key.\n\n\
         # Journals, snapshots, records and parked bytes; one daemon at a time works on it.\n\
         state_dir = {}\n\n\
         # Where channels reach the webhook listener, through your proxy. Without it orders are \
         polled only.\n{url}",
        quoted(&state_dir.display().to_string()),
    )
}

fn merchant_file(args: &Args, answers: &Answers) -> String {
    let ours = answers.locations.iter().map(|(ours, _)| quoted(ours));
    let pairs = answers.locations.iter().map(|(ours, theirs)| {
        format!("{{ ours = {}, theirs = {} }}", quoted(ours), quoted(theirs))
    });
    let (ours, pairs) = (
        ours.collect::<Vec<_>>().join(", "),
        pairs.collect::<Vec<_>>().join(", "),
    );
    let with_hooks = args.public_url.is_some();
    let (shop, book_from) = (quoted(&answers.shop), quoted(&answers.book_from));
    let base_url = args.base_url.iter();
    let base_url = base_url.map(|url| format!("base_url = {}\n", quoted(url)));
    let base_url: String = base_url.collect();
    let credentials = credentials(args, &answers.name);
    format!(
        "# One merchant; merchants.d/example.toml explains every key.\n\n\
         # Where you count stock, first choice first.\nlocations = [{ours}]\n\n\
         # One table per sales account; `shopify` is the channel's id.\n[channels.shopify]\n\
         connector = \"shopify\"\n\
         # \"shadow\" computes and reports everything and sets no quantity; \"live\" sets them.\n\
         mode = \"shadow\"\nshop = {shop}\n{base_url}\
         # The instant at which the opening stock was counted: earlier sales move nothing.\n\
         book_from = {book_from}\n\
         # Which of your locations is which of the shop's.\nlocations = [{pairs}]\n\
         # Whether webhook subscriptions are created and kept; needs public_url.\n\
         subscriptions = {with_hooks}\n\n{credentials}"
    )
}

fn credentials(args: &Args, name: &str) -> String {
    let (Some(id), Some(file)) = (&args.client_id, &args.client_secret_file) else {
        return format!(
            "# What lets the daemon in is sealed in the state directory: channelsync credentials set \
             {name}/shopify\n"
        );
    };
    let (id, secret) = (quoted(id), quoted(&file.display().to_string()));
    format!(
        "# Secrets stand in files that only the daemon's user may read (mode 0600).\n\
         [channels.shopify.credentials]\nclient_id = {id}\n\
         client_secret_file = {secret}\nwebhook_secret_files = [{secret}]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon;
    use crate::ports::{SeededRng, SystemClock};
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    fn none() -> Args {
        Args {
            name: None,
            shop: None,
            locations: None,
            client_id: None,
            client_secret_file: None,
            base_url: None,
            public_url: None,
            book_from: Some("2026-11-20T09:00:00Z".to_owned()),
            state_dir: Some("state".into()),
        }
    }

    fn with_console<T>(work: impl FnOnce(&mut Console<'_>) -> T) -> (T, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let done = work(&mut Console {
            out: &mut out,
            err: &mut err,
            terminal: false,
            env: BTreeMap::new(),
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SeededRng::new(1)),
        });
        (done, String::from_utf8(err).unwrap())
    }

    fn answers(args: &Args, typed: &str) -> (Result<Answers, Failure>, String) {
        with_console(|console| ask(args, &mut typed.as_bytes(), console))
    }

    #[test]
    fn what_is_asked_and_answered_loads_with_and_without_webhooks_and_files() {
        for (public_url, in_file) in [
            (None, false),
            (None, true),
            (Some("https://hooks.example.com".to_owned()), false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let secret = dir.path().join("a secret");
            std::fs::write(&secret, "s3cret\n").unwrap();
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
            let args = Args {
                public_url,
                client_id: in_file.then(|| "an-id".to_owned()),
                client_secret_file: in_file.then_some(secret),
                base_url: in_file.then(|| "http://127.0.0.1:9090/us".to_owned()),
                ..none()
            };
            let typed = "acme\nacme-us.myshopify.com\nmain=101, annex=102\n";
            let (answers, asked) = answers(&args, typed);
            assert_eq!(asked.matches(": ").count(), 3, "{asked}");
            let answers = answers.unwrap();
            let written = write(&args, &answers, dir.path()).unwrap();
            assert_eq!(written.len(), 2);
            let config = settings::load(dir.path(), &BTreeMap::new());
            let config = config.unwrap_or_else(|faults| panic!("{faults}"));
            let [merchant] = config.merchants.as_slice() else {
                panic!("one merchant")
            };
            let [channel] = merchant.channels.as_slice() else {
                panic!("one channel")
            };
            assert_eq!(channel.subscriptions, args.public_url.is_some());
            assert_eq!(channel.mode, settings::Mode::Shadow);
            assert_eq!(merchant.locations.len(), 2);
            assert_eq!(daemon::is_sealed(channel), !in_file);
            let told = next(&args, "acme", dir.path());
            assert_eq!(told.contains("credentials set acme/shopify"), !in_file);
            assert!(told.contains(&format!(" --config {}", dir.path().display())));
            let text = std::fs::read_to_string(&written[1]).unwrap();
            let again = write(&args, &answers, dir.path()).unwrap_err();
            assert_eq!(again.exit(), Exit::Usage, "nothing is overwritten");
            assert_eq!(std::fs::read_to_string(&written[1]).unwrap(), text);
        }
    }

    #[test]
    fn a_question_without_an_answer_names_its_flag() {
        for (typed, flag) in [
            ("", "--name"),
            ("acme\n\n", "--shop"),
            ("acme\nshop\n", "--locations"),
        ] {
            let failure = answers(&none(), typed).0.err().unwrap();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.to_string().contains(flag), "{failure}");
        }
        let failure = answers(&none(), "acme\nshop\nmain\n").0.err().unwrap();
        assert!(failure.to_string().contains("both names"), "{failure}");
    }
}
