//! Files that a channel writes for us.

use channelsync_contract::ids::ChannelId;

use super::super::bulk::BulkFile;
use super::super::entry::Fact;
use super::super::refusal::Refusal;
use super::desk::Desk;

/// A file stands so, or is over.
pub(super) fn stand(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    what: &str,
    file: Option<&BulkFile>,
) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    let known = known.bulks.get(what);
    if known == file {
        return Ok(());
    }
    let (channel, what) = (channel.clone(), what.to_owned());
    desk.facts.push(match file {
        Some(file) => Fact::Bulk(channel, what, Box::new(file.clone())),
        None => Fact::BulkEnded(channel, what),
    });
    Ok(())
}
