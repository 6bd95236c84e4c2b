//! The shops and the settings of a plan.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use channelsync_sandbox::{Options, ShopInfo, Timings};

use super::plan::Plan;

/// The merchant of every run.
pub(super) const MERCHANT: &str = "sim";

/// The shops of a plan.
pub(super) fn options(plan: &Plan) -> Options {
    let timings = Timings {
        answer_delay: plan.answer_delay,
        search_lag: plan.search_lag,
        ..Timings::default()
    };
    let mut shops = plan.size.shops(plan.seed);
    for shop in &mut shops {
        shop.plan = plan.limit;
    }
    Options {
        seed: plan.seed,
        shops,
        faults: plan.shops.clone(),
        timings,
    }
}

/// A configuration as a person would write it.
pub(super) fn write_config(dir: &Path, plan: &Plan, shops: &[ShopInfo], book_from: &str) {
    fs::create_dir_all(dir.join("merchants.d")).unwrap();
    let daemon = format!(
        "state_dir = \"state\"\npublic_url = \"http://127.0.0.1:2\"\n\n[listen]\n\
         webhooks = \"127.0.0.1:2\"\n\n[limits]\n{}",
        plan.limits
    );
    fs::write(dir.join("channelsync.toml"), daemon).unwrap();
    let mut merchant = format!(
        "locations = [\"place-1\", \"place-2\"]\n\n{}\n[rules]\n{}",
        plan.masters, plan.rules
    );
    for shop in shops {
        let name = &shop.name;
        let secret = dir.join(name);
        fs::write(&secret, &shop.client_secret).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let pairs: Vec<String> = (1..)
            .zip(&shop.locations)
            .map(|(at, theirs)| format!("{{ ours = \"place-{at}\", theirs = \"{}\" }}", theirs.id))
            .collect();
        merchant.push_str(&format!(
            "\n[channels.{name}]\nconnector = \"shopify\"\nmode = \"{}\"\nshop = \"{}\"\n\
             base_url = \"http://127.0.0.1:1{}\"\nquantity_name = \"{}\"\nbook_from = \"{book_from}\"\n\
             locations = [{}]\npoll_interval_secs = {}\npoll_overlap_secs = {}\n\
             read_back_interval_secs = {}\nreturns = \"{}\"\nmass_change_percent = {}\n\n[channels.{name}.credentials]\nclient_id = \"{}\"\n\
             client_secret_file = \"{name}\"\nwebhook_secret_files = [\"{name}\"]\n",
            plan.mode,
            shop.domain,
            shop.base_path,
            plan.quantity_name,
            pairs.join(", "),
            plan.poll_secs,
            plan.overlap_secs,
            plan.read_back_secs,
            plan.returns,
            plan.mass_change_percent,
            shop.client_id,
        ));
    }
    fs::write(dir.join(format!("merchants.d/{MERCHANT}.toml")), merchant).unwrap();
}
