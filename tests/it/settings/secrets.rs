//! Credentials: one kind, whole, from files that nobody else can read, never shown.

use insta::assert_snapshot;

use super::{ACME, Setup};

#[test]
fn secret_files_are_the_daemons_alone() {
    let files = r#"["absent", "open", "empty", "lines", "binary", "large", "folder"]"#;
    let setup = Setup::new()
        .secret("open", "x")
        .mode("open", 0o640)
        .secret("empty", " \n")
        .secret("lines", "a\nb")
        .secret("binary", b"\xff")
        .secret("large", vec![b'a'; 5000])
        .file("folder/file", "")
        .acme("[\"secret\"]", files);
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 7 faults
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.webhook_secret_files[0]: channel acme/shopify-us: cannot read the file named here: No such file or directory (os error 2)
      help: write the secret to a file of mode 0600 and name that file
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
    let client = "client_id = \"an-id\"\nclient_secret_file = \"secret\"\n";
    let webhooks = "webhook_secret_files = [\"secret\"]";
    let in_place = r#"client_secret = "s3cret"
webhook_secrets = ["s3cret"]
[channels.shopify-us.rules]
access_token = "s3cret""#;
    let all = [
        (client, ""),
        (client, "client_id = \"an-id\"\n"),
        (client, "client_secret_file = \"secret\"\n"),
        (
            client,
            "access_token_file = \"secret\"\nclient_id = \"an-id\"\n",
        ),
        (client, "access_token_file = 5\n"),
        (webhooks, ""),
        (webhooks, in_place),
    ]
    .map(|(old, new)| Setup::new().acme(old, new).faults());
    assert_snapshot!(all.join("\n"), @r#"
    the configuration has a fault
    ETC/merchants.d/acme.toml:8: channels.shopify-us.credentials: channel acme/shopify-us: missing
      help: set client_id and client_secret_file, or access_token_file; or leave the table out and use `channelsync credentials set`
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.client_secret_file: channel acme/shopify-us: missing
      help: client_id needs it
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.client_id: channel acme/shopify-us: missing
      help: client_secret_file needs it
    the configuration has a fault
    ETC/merchants.d/acme.toml:8: channels.shopify-us.credentials.access_token_file: channel acme/shopify-us: credentials of two kinds
      help: keep client_id and client_secret_file, or access_token_file
    the configuration has a fault
    ETC/merchants.d/acme.toml:8: channels.shopify-us.credentials.access_token_file: a whole number where a text is expected
      help: write it in quotes
    the configuration has a fault
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.webhook_secret_files: channel acme/shopify-us: missing
      help: name the file with the key that signs the webhooks (the app's client secret), or set `subscriptions = false`
    the configuration has 4 faults
    ETC/merchants.d/acme.toml: channels.shopify-us.credentials.webhook_secret_files: channel acme/shopify-us: missing
      help: name the file with the key that signs the webhooks (the app's client secret), or set `subscriptions = false`
    ETC/merchants.d/acme.toml:10: channels.shopify-us.credentials.client_secret: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `credentials.client_secret_file`
    ETC/merchants.d/acme.toml:11: channels.shopify-us.credentials.webhook_secrets: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `credentials.webhook_secret_files`
    ETC/merchants.d/acme.toml:13: channels.shopify-us.rules.access_token: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `credentials.access_token_file`
    "#);
    Setup::new()
        .acme(client, "access_token_file = \"secret\"\n")
        .config();
    let unsubscribed = ACME
        .replace(webhooks, "")
        .replace("shop =", "subscriptions = false\nshop =");
    Setup::new()
        .file("merchants.d/acme.toml", unsubscribed)
        .config();
}

/// R67
#[test]
fn no_secret_is_printed() {
    let config = Setup::new().config();
    assert!(!format!("{config:?}").contains("s3cret"));
    for misplaced in [
        "client_secret = \"s3cret\"",
        "client_secret_file = \"s3cret\"",
        "client_secret_file = [\"s3cret\"]",
        "client_secret_file = s3cret",
        "client_secret_file = \"s3cret",
    ] {
        let faults = Setup::new()
            .acme("client_secret_file = \"secret\"", misplaced)
            .faults();
        assert!(!faults.contains("s3cret"), "{faults}");
    }
}
