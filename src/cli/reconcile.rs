//! `reconcile`: has a channel compared with the book now.

use serde_json::json;

use super::failure::{Exit, Failure};
use super::session::Session;

#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag a person may give"
)]
pub(super) struct Args {
    /// The channel
    channel: String,
    /// Ask for changed orders now
    #[arg(long)]
    poll: bool,
    /// Read all listings now
    #[arg(long)]
    scan: bool,
    /// Read back what every slot shows before it is written again
    #[arg(long)]
    read_back: bool,
    /// Let a paused channel go on; say this once its cause is mended
    #[arg(long)]
    resume: bool,
}

impl Args {
    /// The activities in the order that helps: orders first, since they explain what slots show.
    /// Without a flag it is what the command's name says.
    fn activities(&self) -> Vec<&'static str> {
        let none = !(self.poll || self.scan || self.read_back || self.resume);
        let wanted = [
            (self.resume, "resume"),
            (self.poll || none, "poll"),
            (self.scan, "scan"),
            (self.read_back || none, "read-back"),
        ];
        let wanted = wanted.into_iter().filter(|(wanted, _)| *wanted);
        wanted.map(|(_, activity)| activity).collect()
    }
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.channels(Some(&args.channel))?;
    let activities = args.activities();
    for activity in &activities {
        let path = session.path(&["channels", &args.channel, activity])?;
        session.client().post(&path, &json!({})).await?;
    }
    if session.common.json {
        session.console.json(&json!({ "started": activities }))?;
    } else {
        let started = activities.join(", ");
        let follow = "`channelsync status` shows how it goes";
        session
            .console
            .print(&format!("started: {started}; {follow}"))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_flag_orders_and_slots_are_compared() {
        let flags = |poll, scan, read_back, resume| {
            let channel = String::new();
            let args = Args {
                channel,
                poll,
                scan,
                read_back,
                resume,
            };
            args.activities()
        };
        assert_eq!(flags(false, false, false, false), ["poll", "read-back"]);
        assert_eq!(flags(false, false, false, true), ["resume"]);
        assert_eq!(
            flags(false, true, true, true),
            ["resume", "scan", "read-back"]
        );
    }
}
