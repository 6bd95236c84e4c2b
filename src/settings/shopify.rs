//! What the Shopify connector needs: shop, base URL, credentials, and ids in their short form.

use channelsync_contract::transport::Secret;
use channelsync_contract::webhook::SigningSecret;

use super::address::{self, Refusal, refuse};
use super::check::Checking;
use super::config::{ConnectorSettings, Credentials};
use super::path::KeyPath;
use super::raw::{RawChannel, RawCredentials};
use super::secret;

/// Settings of one channel; none after a fault. `channel` is its name for messages.
pub(super) fn settings(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    channel: &str,
    raw: &RawChannel,
) -> Option<ConnectorSettings> {
    let shop_path = path.key("shop");
    let shop = raw
        .shop
        .as_ref()
        .and_then(|shop| checking.take(&shop_path, host(shop)));
    let url_path = path.key("base_url");
    let base_url = match &raw.base_url {
        Some(url) => checking.take(&url_path, address::web_address(url)),
        None => shop.as_ref().map(|shop| format!("https://{shop}")),
    };
    let accounts = [
        (&shop_path, &shop),
        (
            if raw.base_url.is_some() {
                &url_path
            } else {
                &shop_path
            },
            &base_url,
        ),
    ];
    let taken = accounts.iter().find_map(|(path, account)| {
        let account = account.as_ref()?;
        Some((*path, account, checking.accounts.get(account)?.clone()))
    });
    if let Some((path, account, other)) = taken {
        let what = format!("channel {other} already uses {account}");
        checking.fault(
            path,
            what,
            "give each account one channel: two would overwrite each other's quantities",
        );
    }
    for account in accounts
        .into_iter()
        .filter_map(|(_, account)| account.clone())
    {
        checking
            .accounts
            .entry(account)
            .or_insert_with(|| channel.to_owned());
    }
    let path = path.key("credentials");
    let credentials = credentials(checking, &path, channel, &raw.credentials);
    let is_sealed = credentials == Some(Credentials::Sealed);
    let webhook_secrets = webhook_secrets(checking, &path, channel, (raw, is_sealed));
    Some(ConnectorSettings::Shopify {
        shop: shop?,
        base_url: base_url?,
        quantity_name: raw.quantity_name,
        credentials: credentials?,
        webhook_secrets: webhook_secrets?,
    })
}

fn credentials(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    channel: &str,
    raw: &RawCredentials,
) -> Option<Credentials> {
    let is_set = |key: &str| !checking.is_absent(&path.key(key));
    let [token, id, secret] = ["access_token_file", "client_id", "client_secret_file"];
    let fault = match (is_set(token), is_set(id), is_set(secret)) {
        (true, false, false) | (false, true, true) => None,
        (false, true, false) => Some((path.key(secret), "missing", "client_id needs it")),
        (false, false, true) => Some((path.key(id), "missing", "client_secret_file needs it")),
        (false, false, false) if !is_set("webhook_secret_files") => {
            return Some(Credentials::Sealed);
        }
        (false, false, false) => Some((
            path.clone(),
            "missing",
            "set client_id and client_secret_file, or access_token_file; or leave the table out and \
             use `channelsync credentials set`",
        )),
        (true, _, _) => Some((
            path.key(token),
            "credentials of two kinds",
            "keep client_id and client_secret_file, or access_token_file",
        )),
    };
    if let Some((path, what, help)) = fault {
        checking.fault(&path, format!("channel {channel}: {what}"), help);
        return None;
    }
    if let Some(file) = &raw.access_token_file {
        return read_secret(checking, &path.key(token), channel, file)
            .map(Credentials::AccessToken);
    }
    let file = raw.client_secret_file.as_ref()?;
    let secret = read_secret(checking, &path.key(secret), channel, file);
    Some(Credentials::Client {
        id: raw.client_id.clone()?,
        secret: secret?,
    })
}

fn webhook_secrets(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    channel: &str,
    (raw, is_sealed): (&RawChannel, bool),
) -> Option<Vec<SigningSecret>> {
    let path = path.key("webhook_secret_files");
    let files = &raw.credentials.webhook_secret_files;
    if raw.subscriptions && !is_sealed && checking.is_absent(&path) {
        let help = "name the file with the key that signs the webhooks (the app's client secret), \
                    or set `subscriptions = false`";
        checking.fault(&path, format!("channel {channel}: missing"), help);
    }
    let read: Vec<Option<Secret>> = files
        .iter()
        .enumerate()
        .map(|(row, file)| read_secret(checking, &path.row(row), channel, file))
        .collect();
    let read = read.into_iter();
    read.map(|secret| secret.map(SigningSecret::new)).collect()
}

fn read_secret(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    channel: &str,
    file: &str,
) -> Option<Secret> {
    let read = secret::read(checking.dir, file);
    checking.take(
        path,
        read.map_err(|(what, help)| (format!("channel {channel}: {what}"), help)),
    )
}

/// The number in `101` or `gid://shopify/KIND/101`, as the channel's short id.
pub(super) fn id(text: &str, kind: &str) -> Result<String, Refusal> {
    let digits = text
        .strip_prefix("gid://shopify/")
        .and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('/'))
        .unwrap_or(text);
    match digits.parse::<u64>() {
        Ok(number) if number > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(number.to_string())
        }
        _ => refuse(
            format!("{text:?} is no id of a Shopify {kind}"),
            format!("write the number, as in \"101\", or \"gid://shopify/{kind}/101\""),
        ),
    }
}

/// A shop's permanent host, in lower case.
fn host(text: &str) -> Result<String, Refusal> {
    let host = text.trim().to_ascii_lowercase();
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('-')
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if host.strip_suffix(".myshopify.com").is_some_and(is_name) {
        return Ok(host);
    }
    let guess = host
        .split(['/', '.'])
        .find(|part| is_name(part) && !part.starts_with("http"))
        .unwrap_or("example");
    refuse(
        format!("{text:?} is no shop"),
        format!("write its permanent host, as in \"{guess}.myshopify.com\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shopify_ids_are_kept_as_their_number() {
        for (text, expected) in [
            ("101", Some("101")),
            ("gid://shopify/Location/101", Some("101")),
            ("gid://shopify/Product/101", None),
            ("+101", None),
            ("0", None),
            ("", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(id(text, "Location").ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_shop_is_its_permanent_host() {
        for (text, expected) in [
            ("acme.myshopify.com", Some("acme.myshopify.com")),
            ("Acme-2.myshopify.com", Some("acme-2.myshopify.com")),
            ("-a.myshopify.com", None),
            ("a.b.myshopify.com", None),
            ("acme.myshopify.com.evil.example", None),
            (".myshopify.com", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }
}
