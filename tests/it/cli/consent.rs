//! A merchant lets an app of another organization in: by the command, on a double, for as long as it runs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use channelsync::cli::Exit;
use channelsync::ports::SeededRng;
use channelsync::transport::Paced;
use channelsync::{channels, daemon, settings};
use channelsync_contract::{Connector, ConnectorError, Rng};
use channelsync_sandbox::Faults;
use tower::ServiceExt as _;

use super::credentials::House;

const AUTHORIZE: &str = "credentials authorize acme/north --from DIR/given";

impl House {
    /// Where the browser of a merchant ends who agrees.
    async fn agree(&self) -> String {
        let (exit, said) = self.run(AUTHORIZE).await;
        assert_eq!(exit, Exit::Ok, "{said}");
        let address = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("http://"));
        let (_, path) = address
            .and_then(|rest| rest.split_once('/'))
            .expect("an address");
        let browser = axum::extract::Request::get(format!("/{path}"));
        let request = browser.body(axum::body::Body::empty()).unwrap();
        let answer = self.sandbox.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 302);
        let ended_at = answer.headers()["location"].to_str().unwrap();
        assert!(
            ended_at.starts_with("https://hooks.example/authorized?"),
            "{ended_at}"
        );
        ended_at.to_owned()
    }

    /// The channel as a process sees it that starts now.
    fn connector(&self) -> Connector {
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(2));
        let loaded = settings::load(self.dir.path(), &Default::default()).unwrap();
        let config = daemon::unseal(loaded, &rng).unwrap();
        let channel = &config.merchants[0].channels[0];
        let account = channels::account(channel);
        let dialed = (daemon::system_world().dial)(&account).unwrap();
        channels::connect(
            channel,
            Paced::new(account, "north", dialed, self.clock.clone(), rng),
        )
    }

    fn sealed(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("state/acme/credentials/north")).unwrap()
    }
}

#[tokio::test]
async fn a_merchant_lets_an_app_in_once_and_its_grant_is_renewed_as_long_as_it_is_used() {
    let house = House::new().await;
    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    let ended_at = house.agree().await;
    let forged = ended_at.replace("state=", "state=1");
    let (exit, said) = house.run(&format!("{AUTHORIZE} --ended-at {forged}")).await;
    assert_eq!(exit, Exit::Usage, "{said}");
    let sealing = format!("{AUTHORIZE} --ended-at {ended_at}");
    let (exit, said) = house.run(&sealing).await;
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(
        said.contains("sealed the credentials of acme/north"),
        "{said}"
    );
    let (exit, said) = house.run(&sealing).await;
    assert_eq!(exit, Exit::Unavailable, "a code counts once: {said}");
    assert_eq!(house.run("credentials test north").await.0, Exit::Ok);
    let listed = house.run("credentials list").await.1;
    assert!(listed.contains("a merchant's grant"), "{listed}");

    let first = house.sealed();
    let connector = house.connector();
    connector.probe.probe().await.unwrap();
    assert!(first == house.sealed(), "nothing is renewed that is fresh");
    house.clock.go(Duration::from_secs(50 * 60));
    connector.probe.probe().await.unwrap();
    let second = house.sealed();
    assert!(first != second);
    let after_restart = house.connector();
    after_restart.probe.probe().await.unwrap();
    assert!(
        second == house.sealed(),
        "another process goes on with what is kept"
    );
    house.clock.go(Duration::from_secs(3 * 60 * 60));
    after_restart.probe.probe().await.unwrap();
    connector.probe.probe().await.unwrap();
}

/// R61: what a renewal gave and nobody received is lost, and that is loud.
#[tokio::test]
async fn a_grant_that_ended_without_an_answer_is_told_and_a_new_consent_mends_it() {
    let house = House::new().await;
    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    let ended_at = house.agree().await;
    let (exit, said) = house
        .run(&format!("{AUTHORIZE} --ended-at {ended_at}"))
        .await;
    assert_eq!(exit, Exit::Ok, "{said}");
    let connector = house.connector();
    connector.probe.probe().await.unwrap();
    let mut losing = Faults::default();
    losing.add("applied-then-timeout=1").unwrap();
    house.sandbox.set_faults(&losing);
    house.clock.go(Duration::from_secs(2 * 60 * 60));
    let unanswered = connector.probe.probe().await.unwrap_err();
    assert!(
        matches!(unanswered, ConnectorError::NotDone(_)),
        "{unanswered}"
    );
    house.sandbox.set_faults(&Faults::default());
    house.clock.go(Duration::from_secs(60));
    let ended = connector.probe.probe().await.unwrap_err();
    let is_told =
        matches!(&ended, ConnectorError::Unauthorized(why) if why.contains("must agree anew"));
    assert!(is_told, "{ended}");
    let (exit, said) = house.run("credentials test north").await;
    assert_eq!(exit, Exit::Found, "{said}");
    assert!(said.contains("must agree anew"), "{said}");

    let ended_at = house.agree().await;
    let (exit, said) = house
        .run(&format!("{AUTHORIZE} --ended-at {ended_at}"))
        .await;
    assert_eq!(exit, Exit::Ok, "{said}");
    house.clock.go(Duration::from_secs(60));
    connector.probe.probe().await.unwrap();
}
