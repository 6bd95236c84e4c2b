//! `reload`: has the running daemon read its settings anew, and tells what became of it.

use serde_json::{Value, json};

use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{cell, elements};

pub(super) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let told = session.client().post("/v1/reload", &json!({})).await?;
    if !told["refused_at"].is_null() {
        let faults: Vec<String> = elements(&told["faults"])
            .iter()
            .filter_map(|fault| fault.as_str().map(ToOwned::to_owned))
            .collect();
        let error = format!(
            "the daemon refuses them, those before stay in force:\n{}",
            faults.join("\n")
        );
        let help = "mend what it names, then `channelsync reload` again";
        return Err(Failure::new(Exit::Configuration, error, help));
    }
    if session.common.json {
        session.console.json(&told)?;
    } else {
        session.console.print(&text(&told))?;
    }
    Ok(Exit::Ok)
}

fn text(told: &Value) -> String {
    let names = |key: &str| {
        let names = elements(&told[key]).iter().map(cell);
        names.collect::<Vec<_>>().join(", ")
    };
    let (changed, restart) = (names("changed"), names("restart"));
    let mut text = match changed.as_str() {
        "" => "the settings were read anew: nothing is different".to_owned(),
        changed => format!("the settings were read anew; in force now: {changed}"),
    };
    if !restart.is_empty() {
        text.push_str(&format!(
            "\nnot in force before a restart (`systemctl restart channelsync`): {restart}"
        ));
    }
    text
}
