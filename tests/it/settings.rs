//! Settings: what loads, what is refused, and in which words.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use channelsync::settings::{self, Address, Config, ConnectorSettings, Credentials, Mode};
use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

const DAEMON: &str = "public_url = \"https://hooks.example.com\"\n";
const ACME: &str = r#"locations = ["main", "annex"]
[channels.shopify-us]
connector = "shopify"
shop = "acme-us.myshopify.com"
book_from = "2026-11-20T09:00:00Z"
locations = [{ ours = "main", theirs = "101" }]
[channels.shopify-us.credentials]
client_id = "an-id"
client_secret_file = "secret"
webhook_secret_files = ["secret"]
"#;

/// A configuration directory that loads, until something is written over it.
struct Setup {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl Setup {
    fn new() -> Self {
        let setup = Self {
            dir: TempDir::new().unwrap(),
            env: BTreeMap::new(),
        };
        setup
            .file("channelsync.toml", DAEMON)
            .file("merchants.d/acme.toml", ACME)
            .secret("secret", "s3cret\n")
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn secret(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.file(name, text).mode(name, 0o600)
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// The merchant's file with one text in place of another.
    fn acme(self, old: &str, new: &str) -> Self {
        assert!(ACME.contains(old), "{old}");
        self.file("merchants.d/acme.toml", ACME.replace(old, new))
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.env
            .insert(format!("CHANNELSYNC__{name}"), value.to_owned());
        self
    }

    fn config(&self) -> Config {
        settings::load(self.dir.path(), &self.env).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// The error text, with `ETC` for the directory.
    fn faults(&self) -> String {
        let faults = settings::load(self.dir.path(), &self.env)
            .unwrap_err()
            .to_string();
        faults.replace(&self.dir.path().display().to_string(), "ETC")
    }
}

fn example(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(name),
    )
    .unwrap()
}

#[test]
fn the_examples_load_as_they_are() {
    let setup = Setup::new()
        .file("channelsync.toml", example("channelsync.example.toml"))
        .file("merchants.d/acme.toml", example("merchants.d/example.toml"))
        .secret("credentials/shopify-us.client-secret", "s3cret");
    let config = setup.config();
    assert_eq!(
        config.listen.admin_socket,
        config.state_dir.join("admin.sock")
    );
    let channel = &config.merchants[0].channels[0];
    assert_eq!((channel.mode, channel.locations.len()), (Mode::Shadow, 2));
    assert_eq!(channel.sku_rules["MUG-RED"].share_percent, Some(50));
}

#[test]
fn what_is_not_set_has_its_default() {
    let config = Setup::new().config();
    let sparse = Setup::new().file(
        "channelsync.toml",
        [DAEMON.as_bytes(), b"[limits]\n[listen]\n[log]\n"].concat(),
    );
    assert_eq!(sparse.config().limits, config.limits);
    let full = Setup::new()
        .file("channelsync.toml", example("channelsync.example.toml"))
        .config();
    assert_eq!(
        (full.limits, full.log, full.state_dir),
        (config.limits, config.log, config.state_dir)
    );
    assert_eq!(
        config.listen.webhooks,
        Address::Loopback("127.0.0.1:8080".parse().unwrap())
    );
    let channel = &config.merchants[0].channels[0];
    assert_eq!(channel.poll_interval, Duration::from_secs(60));
    assert_eq!(channel.rules, settings::RuleSet::default());
    let ConnectorSettings::Shopify {
        base_url,
        credentials,
        webhook_secrets,
        ..
    } = &channel.connector;
    assert_eq!(base_url, "https://acme-us.myshopify.com");
    assert!(
        matches!(credentials, Credentials::Client { id, secret } if id == "an-id" && secret.expose() == "s3cret")
    );
    assert_eq!(webhook_secrets.len(), 1);
}

#[test]
fn later_layers_win_and_each_rule_set_knows_where_it_stands() {
    let setup = Setup::new()
        .file("conf.d/20-log.toml", "log.level = \"warn\"")
        .file("conf.d/10-log.toml", "[log]\nlevel = \"error\"\nformat = \"json\"")
        .file("conf.d/30-log.toml.bak", "nonsense")
        .acme("[channels.shopify-us.cred", "[channels.shopify-us.listings.\"gid://shopify/ProductVariant/3301\"]\ncap_units = 3\n[channels.shopify-us.skus.\"A.b [0]\"]\nmin_units = 2\n[channels.shopify-us.cred");
    let config = setup.config();
    assert_eq!(
        (config.log.level.as_str(), config.log.format),
        ("warn", settings::LogFormat::Json)
    );
    let channel = &config.merchants[0].channels[0];
    let origin = |rules: &settings::RuleSet| {
        let origin = rules.origin.as_ref().unwrap().to_string();
        origin.replace(&setup.dir.path().display().to_string(), "ETC")
    };
    assert_eq!(
        origin(&channel.listing_rules["3301"]),
        "ETC/merchants.d/acme.toml:8"
    );
    assert_eq!(
        origin(&channel.sku_rules["A.b [0]"]),
        "ETC/merchants.d/acme.toml:10"
    );
}

#[test]
fn variables_override_files_and_create_nothing() {
    let setup = Setup::new()
        .variable("LOG__LEVEL", "debug")
        .variable("LISTEN__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_US__MODE", "live")
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__POLL_INTERVAL_SECS",
            "5",
        )
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__RULES__CAP_UNITS",
            "7",
        );
    let config = setup.config();
    assert_eq!(config.log.level.as_str(), "debug");
    assert_eq!(config.listen.trusted_proxies.len(), 2);
    let channel = &config.merchants[0].channels[0];
    assert_eq!(
        (channel.mode, channel.poll_interval),
        (Mode::Live, Duration::from_secs(5))
    );
    let origin = channel.rules.origin.as_ref().unwrap().to_string();
    assert_eq!(
        origin,
        "variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__RULES__CAP_UNITS"
    );

    let setup = Setup::new()
        .variable("LIMITZ__BODY_BYTES_MAX", "1")
        .variable("LIMITS", "1")
        .variable("LIMITS__BODY_BYTES_MAX", "many")
        .variable("LIMITS__BODY_BYTES_MAX__MORE", "1")
        .variable("MERCHANTS__ACMEE__RULES__CAP_UNITS", "1")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_EU__MODE", "live")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_US__LOCATIONS", "main")
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__CREDENTIALS__CLIENT_SECRET",
            "s3cret",
        );
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 8 faults
    variable CHANNELSYNC__LIMITS: `limits` is a table
      help: go on with `__` and one of: body_bytes_max, header_bytes_max, connections_max, connections_per_ip_max, header_timeout_secs, body_timeout_secs, queue_commands_max, group_entries_max, read_rows_max, parked_bytes_max, segment_bytes_max, snapshot_entries, shutdown_secs
    variable CHANNELSYNC__LIMITS__BODY_BYTES_MAX: limits.body_bytes_max: a text where a whole number is expected
      help: set a whole number from 1024 to 67108864
    variable CHANNELSYNC__LIMITS__BODY_BYTES_MAX__MORE: `body_bytes_max` is not a table
      help: end the variable's name with `BODY_BYTES_MAX`
    variable CHANNELSYNC__LIMITZ__BODY_BYTES_MAX: unknown key
      help: did you mean `limits`?
    variable CHANNELSYNC__MERCHANTS__ACMEE__RULES__CAP_UNITS: no `acmee` in merchants, and a variable never creates one
      help: did you mean `acme`?
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_EU__MODE: no `shopify-eu` in channels, and a variable never creates one
      help: did you mean `shopify-us`?
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__CREDENTIALS__CLIENT_SECRET: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `client_secret_file`
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__LOCATIONS: `locations` cannot be set by a variable
      help: set it in the merchant's file
    "#);
}

/// R70
#[test]
fn unknown_keys_come_all_at_once_with_the_nearest_name() {
    let setup = Setup::new()
        .file("channelsync.toml", format!("{DAEMON}state_dri = \"x\"\n[limits]\nbody_byte_max = 5\n[limitz]\nread_rows_max = 5\n"))
        .file("conf.d/10-listen.toml", "[listen]\nzzz = 1")
        .acme("shop =", "poll_intervall_secs = 60\nshop =");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 5 faults
    ETC/channelsync.toml:2: state_dri: unknown key
      help: did you mean `state_dir`?
    ETC/channelsync.toml:4: limits.body_byte_max: unknown key
      help: did you mean `body_bytes_max`?
    ETC/channelsync.toml:6: limitz: unknown key
      help: did you mean `limits`?
    ETC/conf.d/10-listen.toml:2: listen.zzz: unknown key
      help: known here: webhooks, admin_socket, trusted_proxies
    ETC/merchants.d/acme.toml:4: channels.shopify-us.poll_intervall_secs: unknown key
      help: did you mean `poll_interval_secs`?
    "#);
}

/// R70
#[test]
fn wrong_shapes_and_limits_are_named_with_what_fits() {
    let setup = Setup::new()
        .file("channelsync.toml", "public_url = 3\nlog = \"loud\"\nlisten.trusted_proxies = [\"10.0.0.0/33\", 7]\n[limits]\nbody_bytes_max = \"1 MiB\"\nconnections_max = 0\nread_rows_max = 1.5\nshutdown_secs = 99999999999999999999\n")
        .acme("locations = [{ ours = \"main\", theirs = \"101\" }]", "mode = \"lve\"\nsubscriptions = \"yes\"\nlocations = [{ ours = \"mian\", theirs = 101 }, 5]\nrules.share_percent = 101");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 14 faults
    ETC/channelsync.toml:1: public_url: a whole number where a text is expected
      help: write it in quotes: "3"
    ETC/channelsync.toml:2: log: a text where a table is expected
      help: its keys are: format, level
    ETC/channelsync.toml:3: listen.trusted_proxies[0]: "10.0.0.0/33" is neither an address nor a network
      help: write "10.0.0.7" or "10.0.0.0/8"
    ETC/channelsync.toml:3: listen.trusted_proxies[1]: a whole number where a text is expected
      help: write it in quotes: "7"
    ETC/channelsync.toml:5: limits.body_bytes_max: a text where a whole number is expected
      help: set a whole number from 1024 to 67108864
    ETC/channelsync.toml:6: limits.connections_max: 0 is out of range
      help: set a whole number from 1 to 100000
    ETC/channelsync.toml:7: limits.read_rows_max: a number with decimals where a whole number is expected
      help: set a whole number from 1 to 100000
    ETC/channelsync.toml:8: limits.shutdown_secs: a number beyond 64 bits where a whole number is expected
      help: set a whole number from 1 to 600
    ETC/merchants.d/acme.toml:6: channels.shopify-us.mode: "lve" is not known
      help: did you mean `live`?
    ETC/merchants.d/acme.toml:7: channels.shopify-us.subscriptions: a text where true or false is expected
      help: set true or false
    ETC/merchants.d/acme.toml:8: channels.shopify-us.locations[0].ours: the merchant has no location `mian`
      help: did you mean `main`?
    ETC/merchants.d/acme.toml:8: channels.shopify-us.locations[0].theirs: a whole number where a text is expected
      help: write it in quotes: "101"
    ETC/merchants.d/acme.toml:8: channels.shopify-us.locations[1]: a whole number where a table is expected
      help: its keys are: ours, theirs
    ETC/merchants.d/acme.toml:9: channels.shopify-us.rules.share_percent: 101 is out of range
      help: set a whole number from 0 to 100
    "#);
}

/// R70
#[test]
fn what_is_missing_is_named() {
    assert_snapshot!(Setup::new().file("merchants.d/acme.toml", "[channels.a]\n").file("channelsync.toml", "").faults(), @r#"
    the configuration has 6 faults
    ETC/channelsync.toml: public_url: missing, and channel acme/a creates webhook subscriptions
      help: set the https address at which channels reach the webhook listener, or `subscriptions = false` for the channel
    ETC/merchants.d/acme.toml: channels.a.book_from: missing
      help: set a text
    ETC/merchants.d/acme.toml: channels.a.connector: missing
      help: set one of: shopify
    ETC/merchants.d/acme.toml: channels.a.locations: missing
      help: set a list such as [{ ours = "..", theirs = ".." }]
    ETC/merchants.d/acme.toml: channels.a.shop: missing
      help: set a text
    ETC/merchants.d/acme.toml: locations: missing
      help: set a list of texts such as ["a", "b"]
    "#);
    let empty = TempDir::new().unwrap();
    let faults = settings::load(empty.path(), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert_snapshot!(faults.replace(&empty.path().display().to_string(), "ETC"), @r#"
    the configuration has 2 faults
    ETC/channelsync.toml: cannot be read: No such file or directory (os error 2)
      help: name the configuration directory, with files that the daemon's user may read
    ETC/channelsync.toml: merchants: no merchant
      help: write merchants.d/NAME.toml after config/merchants.d/example.toml
    "#);
}

/// R70
#[test]
fn values_that_make_no_sense_are_refused() {
    let setup = Setup::new()
        .file("channelsync.toml", "public_url = \"http://hooks.example.com\"\n[listen]\nwebhooks = \"0.0.0.0:8080\"\n[merchants.acme]\nlocations = []")
        .file("merchants.d/Bad_Name.toml", "locations = [\"main\", \"main\", \"Big Hall\"]")
        .file("merchants.d/acme.toml", ACME.replace("acme-us.myshopify.com", "www.acme.com").replace("2026-11-20T09:00:00Z", "2026-11-20")
            .replace("\"101\" }", "\"101\" }, { ours = \"main\", theirs = \"gid://shopify/Location/101\" }, { ours = \"annex\", theirs = \"here\" }")
            .replace("[channels.shopify-us.cred", "base_url = \"ftp://x\"\nbreaker_pause_secs = 400\nrules.min_units = 5\n[channels.shopify-us.skus.\"MUG\"]\ncap_units = 4\n[channels.shopify-us.listings.x]\n[channels.shopify-us.cred"));
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 15 faults
    ETC/channelsync.toml: merchants: a merchant has a file of its own
      help: move it to merchants.d/acme.toml
    ETC/channelsync.toml:1: public_url: http would be open to the network
      help: use https; http only to 127.0.0.1 or [::1]
    ETC/channelsync.toml:3: listen.webhooks: plain HTTP on 0.0.0.0:8080 would be open to the network
      help: listen on loopback or a unix socket behind a proxy that speaks TLS (config/Caddyfile.example); own certificate files are not supported yet
    ETC/merchants.d/Bad_Name.toml:1: "Bad_Name" is no name
      help: a name has lower-case letters, digits and hyphens, at most 64
    ETC/merchants.d/Bad_Name.toml:1: locations[1]: `main` is listed twice
      help: list each location once
    ETC/merchants.d/Bad_Name.toml:1: locations[2]: "Big Hall" is no name
      help: a name has lower-case letters, digits and hyphens, at most 64
    ETC/merchants.d/acme.toml: channels.shopify-us.listings.x: "x" is no id of a Shopify ProductVariant
      help: write the number, as in "101", or "gid://shopify/ProductVariant/101"
    ETC/merchants.d/acme.toml:4: channels.shopify-us.shop: "www.acme.com" is no shop
      help: write its permanent host, as in "www.myshopify.com"
    ETC/merchants.d/acme.toml:5: channels.shopify-us.book_from: "2026-11-20" is no instant
      help: write date, time and offset, as in "2026-11-20T09:00:00Z"
    ETC/merchants.d/acme.toml:6: channels.shopify-us.locations[1].ours: stands in two pairs
      help: pair each location of one side with one of the other
    ETC/merchants.d/acme.toml:6: channels.shopify-us.locations[1].theirs: stands in two pairs
      help: pair each location of one side with one of the other
    ETC/merchants.d/acme.toml:6: channels.shopify-us.locations[2].theirs: "here" is no id of a Shopify Location
      help: write the number, as in "101", or "gid://shopify/Location/101"
    ETC/merchants.d/acme.toml:7: channels.shopify-us.base_url: `ftp` is no web scheme
      help: write scheme, host and perhaps a path, as in "https://hooks.example.com"
    ETC/merchants.d/acme.toml:8: channels.shopify-us.breaker_pause_secs: 400 is more than breaker_pause_secs_max = 300
      help: lower the one or raise the other
    ETC/merchants.d/acme.toml:11: channels.shopify-us.skus.MUG.cap_units: min_units = 5 is more than cap_units = 4, so nothing would ever be shown
      help: lower the one or raise the other, here or on a level above
    "#);
}

#[test]
fn two_channels_on_one_account_are_refused_across_merchants() {
    let setup = Setup::new().file("merchants.d/beta.toml", ACME).file(
        "merchants.d/gamma.toml",
        ACME.replace(
            "acme-us.myshopify.com\"",
            "gamma.myshopify.com\"\nbase_url = \"https://ACME-us.myshopify.com:443/\"",
        ),
    );
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 2 faults
    ETC/merchants.d/beta.toml:4: channels.shopify-us.shop: channel acme/shopify-us already uses acme-us.myshopify.com
      help: give each account one channel: two would overwrite each other's quantities
    ETC/merchants.d/gamma.toml:5: channels.shopify-us.base_url: channel beta/shopify-us already uses https://acme-us.myshopify.com
      help: give each account one channel: two would overwrite each other's quantities
    "#);
}

#[test]
fn text_that_is_not_toml_is_refused_without_quoting_it() {
    let setup = Setup::new()
        .file(
            "channelsync.toml",
            "public_url = \"https://hooks.example.com\nlog = \n",
        )
        .file(
            "merchants.d/acme.toml",
            "[channels.a.credentials]\nclient_secret = \"s3cret\n",
        )
        .file("merchants.d/binary.toml", b"\xff\xfe")
        .variable("MERCHANTS__ACME__RULES__CAP_UNITS", "7");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 5 faults
    ETC/channelsync.toml:1: not TOML: invalid basic string, expected `"`
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/channelsync.toml:2: not TOML: string values must be quoted, expected literal string
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/merchants.d/acme.toml: locations: missing
      help: set a list of texts such as ["a", "b"]
    ETC/merchants.d/acme.toml:2: not TOML: invalid basic string, expected `"`
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/merchants.d/binary.toml: cannot be read: stream did not contain valid UTF-8
      help: name the configuration directory, with files that the daemon's user may read
    "#);
}

#[test]
fn secret_files_are_the_daemons_alone() {
    let all = "webhook_secret_files = [\"secret\"]";
    let setup = Setup::new()
        .secret("open", "x").mode("open", 0o640)
        .secret("empty", " \n")
        .secret("lines", "a\nb")
        .secret("binary", b"\xff")
        .secret("large", vec![b'a'; 5000])
        .file("folder/file", "")
        .acme(all, "webhook_secret_files = [\"absent\", \"open\", \"empty\", \"lines\", \"binary\", \"large\", \"folder\"]");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 7 faults
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[0]: channel acme/shopify-us: cannot read ETC/absent: No such file or directory (os error 2)
      help: put the secret there: install -m 600 /dev/stdin ETC/absent
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[1]: channel acme/shopify-us: ETC/open is open to others (mode 0640)
      help: chmod 600 ETC/open
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[2]: channel acme/shopify-us: ETC/empty is empty
      help: ETC/empty holds the secret alone, on one line
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[3]: channel acme/shopify-us: ETC/lines has more than one line
      help: ETC/lines holds the secret alone, on one line
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[4]: channel acme/shopify-us: ETC/binary is no text
      help: ETC/binary holds the secret alone, on one line
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[5]: channel acme/shopify-us: ETC/large is larger than 4096 bytes
      help: ETC/large holds the secret alone, on one line
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[6]: channel acme/shopify-us: ETC/folder is no file
      help: name the file that holds the secret
    "#);
    for mode in [0o400, 0o600, 0o700] {
        Setup::new().mode("secret", mode).config();
    }
    for mode in [0o604, 0o640, 0o620, 0o602, 0o644, 0o610] {
        let faults = Setup::new().mode("secret", mode).faults();
        assert!(
            faults.contains(&format!("open to others (mode {mode:04o})")),
            "{faults}"
        );
    }
}

#[test]
fn credentials_are_one_kind_whole_and_never_written_in_place() {
    let two = "client_id = \"an-id\"\nclient_secret_file = \"secret\"\n";
    let mut all = String::new();
    for new in [
        "",
        "client_id = \"an-id\"\n",
        "client_secret_file = \"secret\"\n",
        "access_token_file = \"secret\"\nclient_id = \"an-id\"\n",
    ] {
        all.push_str(&Setup::new().acme(two, new).faults());
        all.push('\n');
    }
    all.push_str(
        &Setup::new()
            .acme("webhook_secret_files = [\"secret\"]", "")
            .faults(),
    );
    all.push('\n');
    all.push_str(&Setup::new().acme("webhook_secret_files = [\"secret\"]", "client_secret = \"s3cret\"\nwebhook_secrets = [\"s3cret\"]\n[channels.shopify-us.rules]\naccess_token = \"s3cret\"").faults());
    assert_snapshot!(all, @r#"
    the configuration has a fault
    ETC/merchants.d/acme.toml:8: channels.shopify-us.credentials: channel acme/shopify-us has no credentials
      help: set client_id and client_secret_file, or access_token_file
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.client_secret_file: missing for channel acme/shopify-us
      help: client_id needs it
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.client_id: missing for channel acme/shopify-us
      help: client_secret_file needs it
    the configuration has a fault
    ETC/merchants.d/acme.toml:8: channels.shopify-us.credentials.access_token_file: channel acme/shopify-us has credentials of two kinds
      help: keep client_id and client_secret_file, or access_token_file
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.webhook_secret_files: missing for channel acme/shopify-us
      help: name the file with the key that signs the webhooks (the app's client secret), or set `subscriptions = false`
    the configuration has 4 faults
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.webhook_secret_files: missing for channel acme/shopify-us
      help: name the file with the key that signs the webhooks (the app's client secret), or set `subscriptions = false`
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.client_secret: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `client_secret_file`
    ETC/merchants.d/acme.toml:11: channels.shopify-us.credentials.webhook_secrets: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `webhook_secret_files`
    ETC/merchants.d/acme.toml:13: channels.shopify-us.rules.access_token: unknown key
      help: known here: safety_stock_units, share_percent, cap_units, min_units
    "#);
    Setup::new()
        .acme(two, "access_token_file = \"secret\"\n")
        .config();
    Setup::new()
        .acme(
            "webhook_secret_files = [\"secret\"]",
            "[channels.shopify-us.rules]",
        )
        .acme("webhook_secret_files = [\"secret\"]", "")
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__SUBSCRIPTIONS",
            "false",
        )
        .config();
}

/// R67
#[test]
fn no_secret_is_printed() {
    let config = Setup::new().config();
    assert!(!format!("{config:?}").contains("s3cret"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// R69
    #[test]
    fn any_bytes_give_a_configuration_or_faults(
        daemon in ".{0,60}", merchant in prop::collection::vec(any::<u8>(), 0..60), variable in "[A-Z_]{0,30}", value in ".{0,10}",
    ) {
        let setup = Setup::new().file("channelsync.toml", daemon).file("merchants.d/acme.toml", merchant).variable(&variable, &value);
        prop_assert!(settings::load(setup.dir.path(), &setup.env).is_err());
    }

    /// R69
    #[test]
    fn any_value_at_any_place_gives_a_configuration_or_faults(
        key in prop::sample::select(vec!["state_dir", "public_url", "listen", "limits", "limits.body_bytes_max", "\"a[99999999999]\"", "\"listen.webhooks\"", "merchants", "listen.webhooks", "listen.trusted_proxies", "log.level"]),
        merchant_key in prop::sample::select(vec!["locations", "rules", "channels", "channels.shopify-us", "channels.b", "channels.b.skus", "channels.b.listings.x", "channels.b.locations", "channels.b.book_from"]),
        value in prop::sample::select(vec!["1", "-1", "1.5", "\"\"", "\"a\"", "[]", "[1]", "[[]]", "{}", "[{}]", "{ a = 1 }", "{ a = {} }", "true", "2026-01-01", "inf", "0x7fffffffffffffff"]),
    ) {
        let setup = Setup::new()
            .file("channelsync.toml", format!("{key} = {value}"))
            .file("merchants.d/acme.toml", format!("{merchant_key} = {value}"));
        prop_assert!(settings::load(setup.dir.path(), &setup.env).is_err());
    }
}
