//! A shop that does not let the daemon in any more.

use std::time::Duration;

use channelsync::board::Board;
use channelsync_contract::ChannelId;
use channelsync_sandbox::Action;

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

impl Scene {
    fn board(&self, channel: &str) -> Board {
        let daemon = self.machine.daemon().unwrap();
        let merchant = daemon.merchants.values().next().unwrap();
        merchant.channels[&ChannelId::new(channel)].board.clone()
    }

    fn rows_set(&self, shop: &str) -> u64 {
        self.truth(shop).counters.rows_set
    }
}

/// R61: whether the shop says so or its tokens end in silence, nothing is written any more, a person is
/// told why, and once they let it go on everything is made good.
#[test]
fn nothing_is_pushed_to_a_shop_that_took_its_tokens_back_and_that_is_told() {
    for (lost, why) in [
        ("0", "uninstalled on the channel"),
        ("1", "installation refused"),
    ] {
        let mut plan = Plan::calm();
        (plan.size.skus, plan.size.on_hand, plan.size.locations) = (3, 0, 1);
        plan.shops.add(&format!("webhooks-lost={lost}")).unwrap();
        scene(plan, async |scene| {
            scene.begin_uncounted().await;
            count(scene, "first", 0..3, 9).await;
            scene.rest().await;
            scene.act("north", Action::Uninstall);
            scene.sleep(Duration::from_secs(2)).await;
            let before = (scene.rows_set("north"), scene.rows_set("south"));
            count(scene, "second", 0..3, 4).await;
            scene.sleep(Duration::from_secs(600)).await;
            assert_eq!(scene.rows_set("north"), before.0);
            assert_eq!(scene.rows_set("south"), before.1 + 3);
            let told = scene.board("north").paused().expect("a paused channel");
            assert!(told.contains(why), "{told}");

            scene.act("north", Action::Install);
            scene.board("north").pause(None);
            scene.sleep(Duration::from_secs(1_200)).await;
            scene.rest().await;
            scene.audited().await;
        });
    }
}
