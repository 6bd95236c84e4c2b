//! What is refused, and in which words.

use std::collections::BTreeMap;

use channelsync::settings::{self, Master, MasterFile};
use channelsync_contract::{ChannelId, LocationId};
use insta::assert_snapshot;
use tempfile::TempDir;

use super::{ACME, DAEMON, Setup};

/// R70
#[test]
fn unknown_keys_come_all_at_once_with_the_nearest_name() {
    let typos = "
state_dri = \"x\"
[limits]
body_byte_max = 5
[limitz]
read_rows_max = 5
";
    let setup = Setup::new()
        .file("channelsync.toml", format!("{DAEMON}{typos}"))
        .file("conf.d/10-listen.toml", "[listen]\nzzz = 1")
        .acme("shop =", "poll_intervall_secs = 60\nshop =");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 5 faults
    ETC/channelsync.toml:3: state_dri: unknown key
      help: did you mean `state_dir`?
    ETC/channelsync.toml:5: limits.body_byte_max: unknown key
      help: did you mean `body_bytes_max`?
    ETC/channelsync.toml:7: limitz: unknown key
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
    let daemon = r#"public_url = 3
log = "loud"
listen.trusted_proxies = ["10.0.0.0/33", 7]
[limits]
body_bytes_max = "1 MiB"
connections_max = 0
read_rows_max = 1.5
shutdown_secs = 99999999999999999999
"#;
    let channel = r#"mode = "lve"
subscriptions = "yes"
locations = [{ ours = "mian", theirs = 101 }, 5]
rules.share_percent = 101"#;
    let setup = Setup::new().file("channelsync.toml", daemon).acme(
        "locations = [{ ours = \"main\", theirs = \"101\" }]",
        channel,
    );
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 14 faults
    ETC/channelsync.toml:1: public_url: a whole number where a text is expected
      help: write it in quotes
    ETC/channelsync.toml:2: log: a text where a table is expected
      help: its keys are: format, level
    ETC/channelsync.toml:3: listen.trusted_proxies[0]: "10.0.0.0/33" is neither an address nor a network
      help: write "10.0.0.7" or "10.0.0.0/8"
    ETC/channelsync.toml:3: listen.trusted_proxies[1]: a whole number where a text is expected
      help: write it in quotes
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
      help: write it in quotes
    ETC/merchants.d/acme.toml:8: channels.shopify-us.locations[1]: a whole number where a table is expected
      help: its keys are: ours, theirs
    ETC/merchants.d/acme.toml:9: channels.shopify-us.rules.share_percent: 101 is out of range
      help: set a whole number from 0 to 100
    "#);
}

/// R70
#[test]
fn what_is_missing_is_named() {
    let setup = Setup::new()
        .file("channelsync.toml", "")
        .file("merchants.d/acme.toml", "[channels.a]\n");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 5 faults
    ETC/channelsync.toml: public_url: missing, and channel acme/a creates webhook subscriptions
      help: set the https address at which channels reach the webhook listener, or `subscriptions = false` for the channel
    ETC/merchants.d/acme.toml: channels.a.connector: missing
      help: set it, as in connector = "shopify"
    ETC/merchants.d/acme.toml: channels.a.locations: missing
      help: set it, as in locations = [{ ours = "main", theirs = "101" }]
    ETC/merchants.d/acme.toml: channels.a.shop: missing
      help: set it, as in shop = "acme.myshopify.com"
    ETC/merchants.d/acme.toml: locations: missing
      help: set it, as in locations = ["main"]
    "#);
    let empty = TempDir::new().unwrap();
    let faults = settings::load(empty.path(), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert_snapshot!(faults.replace(&empty.path().display().to_string(), "ETC"), @r#"
    the configuration has 2 faults
    ETC/channelsync.toml: cannot be read: No such file or directory (os error 2)
      help: name the configuration directory with --config; the daemon's user must be able to read it
    ETC/merchants.d: no merchant
      help: `channelsync init` writes a first one; config/merchants.d/example.toml names every key
    "#);
}

/// R70
#[test]
fn values_that_make_no_sense_are_refused() {
    let daemon = r#"public_url = "http://hooks.example.com"
[listen]
webhooks = "0.0.0.0:8080"
[merchants.acme]
locations = []
"#;
    let pairs = r#""101" }, { ours = "main", theirs = "gid://shopify/Location/101" }, { ours = "annex", theirs = "here" }"#;
    let channel = r#"base_url = "ftp://x"
breaker_pause_secs = 400
rules.min_units = 5
[channels.shopify-us.skus."MUG"]
cap_units = 4
[channels.shopify-us.listings.x]
[channels.shopify-us.credentials]"#;
    let acme = ACME
        .replace("acme-us.myshopify.com", "www.acme.com")
        .replace("2026-11-20T09:00:00Z", "2026-11-20")
        .replace("\"101\" }", pairs)
        .replace("[channels.shopify-us.credentials]", channel);
    let setup = Setup::new()
        .file("channelsync.toml", daemon)
        .file(
            "merchants.d/Bad_Name.toml",
            "locations = [\"main\", \"main\", \"Big Hall\"]",
        )
        .file("merchants.d/acme.toml", acme);
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
    ETC/merchants.d/gamma.toml:5: channels.shopify-us.base_url: channel acme/shopify-us already uses https://acme-us.myshopify.com
      help: give each account one channel: two would overwrite each other's quantities
    "#);
}

/// The merchant with this said of its stock.
fn stocked(stock: &str) -> Setup {
    let stock = format!("{stock}\n[channels.shopify-us]\nconnector");
    Setup::new().acme("[channels.shopify-us]\nconnector", &stock)
}

#[test]
fn a_file_is_master_of_one_location() {
    let faulty = stocked(
        r#"
        [stock.main]
        master = "file"
        [stock.annex]
        master = "file"
        path = "annex.csv"
        channel = "shopify-us"
        "#,
    );
    assert_snapshot!(faulty.faults(), @r#"
    the configuration has 2 faults
    ETC/merchants.d/acme.toml:4: stock.main.master: no file is named
      help: set `path` to the CSV file, or to a folder of such
    ETC/merchants.d/acme.toml:8: stock.annex.channel: `channel` says nothing where master = "file"
      help: set `master = "channel"`, or take `channel` out
    "#);
    let shared = |annex: &str| {
        let file = |path: &str| format!("master = \"file\"\npath = \"{path}\"\n");
        let (main, annex) = (file("stock.csv"), file(annex));
        stocked(&format!("[stock.main]\n{main}[stock.annex]\n{annex}"))
    };
    assert_snapshot!(shared("stock.csv").faults(), @r"
    the configuration has a fault
    ETC/merchants.d/acme.toml:4: stock.main.path: location `annex` has this path, and a file is of one location
      help: give each location a file or folder of its own
    ");
    let files = shared("/srv/annex");
    let masters = files.config().merchants[0].masters.clone();
    let file = |path| {
        let look_interval = std::time::Duration::from_secs(30);
        Master::File(MasterFile {
            path,
            look_interval,
        })
    };
    let below = files.dir.path().join("stock.csv");
    assert_eq!(masters[&LocationId::new("main")], file(below));
    assert_eq!(
        masters[&LocationId::new("annex")],
        file("/srv/annex".into())
    );
}

#[test]
fn a_location_has_one_master_that_knows_it() {
    let derived = stocked("[stock.main]\nmaster = \"channel\"").config();
    let master = &derived.merchants[0].masters[&LocationId::new("main")];
    assert_eq!(*master, Master::Channel(ChannelId::new("shopify-us")));
    let faulty = stocked(
        r#"
        [stock.mian]
        [stock.main]
        channel = "shopify-us"
        [stock.annex]
        master = "channel"
        "#,
    );
    assert_snapshot!(faulty.faults(), @r#"
    the configuration has 3 faults
    ETC/merchants.d/acme.toml: stock.mian: the merchant has no location `mian`
      help: did you mean `main`?
    ETC/merchants.d/acme.toml:5: stock.main.channel: `channel` says nothing where master = "ledger"
      help: set `master = "channel"`, or take `channel` out
    ETC/merchants.d/acme.toml:7: stock.annex.master: no channel has `annex` among its locations
      help: pair it in the `locations` of the channel that is its master
    "#);
    let faulty = stocked(
        r#"
        [stock.main]
        master = "channel"
        channel = "shopify-eu"
        [stock.annex]
        master = "channel"
        channel = "shopify-us"
        "#,
    );
    assert_snapshot!(faulty.faults(), @r"
    the configuration has 2 faults
    ETC/merchants.d/acme.toml:5: stock.main.channel: the merchant has no channel `shopify-eu`
      help: did you mean `shopify-us`?
    ETC/merchants.d/acme.toml:8: stock.annex.channel: `annex` is no location of channel `shopify-us`
      help: pair it in the channel's `locations`, or name another channel
    ");
    let net = stocked("[stock.main]\nmaster = \"channel\"");
    let text = std::fs::read_to_string(net.dir.path().join("merchants.d/acme.toml")).unwrap();
    let text = text.replace("shop = ", "quantity_name = \"available\"\nshop = ");
    let net = net.file("merchants.d/acme.toml", text);
    assert_snapshot!(net.faults(), @r#"
    the configuration has a fault
    ETC/merchants.d/acme.toml:3: stock.main.master: channel `shopify-us` shows what may be sold, not what lies there
      help: set its `quantity_name = "on_hand"`, or name another channel
    "#);
    let second = ACME.replace("locations = [\"main\", \"annex\"]", "");
    let second = second
        .replace("shopify-us", "shopify-eu")
        .replace("acme-us", "acme-eu");
    let both = stocked("[stock.main]\nmaster = \"channel\"");
    let text = std::fs::read_to_string(both.dir.path().join("merchants.d/acme.toml")).unwrap();
    let both = both.file("merchants.d/acme.toml", text + &second);
    assert_snapshot!(both.faults(), @r#"
    the configuration has a fault
    ETC/merchants.d/acme.toml:3: stock.main.master: several channels have `main`: shopify-eu, shopify-us
      help: say which is its master, as in `channel = "shopify-eu"`
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
        .file(
            "merchants.d/twice.toml",
            "locations = [\"main\"]\nlocations = [\"s3cret\"]\n",
        )
        .variable("MERCHANTS__ACME__RULES__CAP_UNITS", "7");
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 5 faults
    ETC/channelsync.toml:1: not TOML: invalid basic string, expected `"`
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/channelsync.toml:2: not TOML: string values must be quoted, expected literal string
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/merchants.d/acme.toml:2: not TOML: invalid basic string, expected `"`
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    ETC/merchants.d/binary.toml: cannot be read: stream did not contain valid UTF-8
      help: name the configuration directory with --config; the daemon's user must be able to read it
    ETC/merchants.d/twice.toml:2: not TOML: duplicate key `locations`
      help: texts stand in double quotes, tables in [brackets], one `key = value` a line
    "#);
}

#[test]
fn a_rule_that_could_show_nothing_or_names_no_location_is_refused() {
    let rules = "[rules]\nlow_min_units = 4\nlocations = [\"mian\"]\n\
                 [channels.shopify-us.rules]\nlow_cap_units = 3\ncase_units = 0\n";
    let setup = Setup::new().acme(
        "[channels.shopify-us]\nconnector",
        &format!("{rules}[channels.shopify-us]\nconnector"),
    );
    assert_snapshot!(setup.faults(), @r"
    the configuration has 3 faults
    ETC/merchants.d/acme.toml:4: rules.locations: the merchant has no location `mian`
      help: did you mean `main`?
    ETC/merchants.d/acme.toml:6: channels.shopify-us.rules.low_cap_units: low_min_units = 4 is more than low_cap_units = 3, so nothing would ever be shown
      help: lower the one or raise the other, here or on a level above
    ETC/merchants.d/acme.toml:7: channels.shopify-us.rules.case_units: 0 is out of range
      help: set a whole number from 1 to 1000000000
    ");
}
