//! What must be done at once is done while the files have a fault.

use std::fs;

use channelsync::cli::Exit;

use super::{Daemon, configure, head};

/// R70
#[tokio::test]
async fn a_fault_of_the_files_hinders_nothing_that_the_daemon_alone_is_asked() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let merchant = daemon.dir().join("merchants.d/acme.toml");
    let own = daemon.dir().join("channelsync.toml");
    let good = [&merchant, &own].map(|file| fs::read_to_string(file).unwrap());
    let wrong = [
        (&merchant, good[0].replace("\"live\"", "\"liv\"")),
        (&merchant, "locations = [".to_owned()),
        (&own, format!("{}[log]\nlevel = \"loud\"\n", good[1])),
    ];
    for (file, text) in wrong {
        fs::write(file, text).unwrap();
        for line in [
            "freeze MUG-RED --reason recall",
            "unfreeze MUG-RED",
            "status",
            "stock count MUG-RED 9 --at main",
            "stock po add P1 --supplier Mill --expected 2999-01-05 --line MUG-RED=1",
            "orders show shopify-us #1001",
            "orders --open",
        ] {
            let (exit, out, err) = daemon.run(line).await;
            assert_eq!(exit, Exit::Ok, "{line}: {err}");
            let warning = "warning: the configuration has a fault";
            assert_eq!((head(&err), out.is_empty()), (warning, false), "{line}");
            assert!(err.contains(file.to_str().unwrap()), "{line}: {err}");
        }
        let (exit, _, err) = daemon.run("doctor").await;
        assert_eq!(exit, Exit::Found, "{err}");
        let (exit, _, _) = daemon.run("rules set cap_units=5").await;
        assert_eq!(exit, Exit::Configuration, "it looks at the files");
        fs::write(&merchant, &good[0]).unwrap();
        fs::write(&own, &good[1]).unwrap();
    }
}

/// R70
#[tokio::test]
async fn a_fault_that_may_be_about_where_the_daemon_listens_ends_every_command() {
    let daemon = Daemon::start().await;
    let freeze = "freeze --all --reason recall";
    let own = daemon.dir().join("channelsync.toml");
    for text in [
        "state_dri = \"state\"\n",
        "state_dir = 7\n",
        "state_dir = \"state\n",
        "state_dir = \"state\"\n[listen]\nadmin_socket = false\n",
    ] {
        fs::write(&own, text).unwrap();
        let (exit, _, err) = daemon.run(freeze).await;
        assert_eq!(exit, Exit::Configuration, "{text}: {err}");
    }
    // Where no daemon runs, the faults are what is told.
    let other = configure();
    fs::write(other.path().join("merchants.d/acme.toml"), "locations = [").unwrap();
    let (exit, _, err) = daemon.run_in(other.path(), freeze).await;
    assert_eq!(exit, Exit::Configuration);
    assert_eq!(head(&err), "error: the configuration has a fault");
}

#[tokio::test]
async fn orders_of_a_channel_that_left_the_files_are_shown() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-eu", "9", "#1001", 1).await;
    let file = daemon.dir().join("merchants.d/acme.toml");
    let text = fs::read_to_string(&file).unwrap();
    let end = text.find("[channels.shopify-eu]").unwrap();
    fs::write(&file, &text[..end]).unwrap();
    for line in [
        "orders --channel shopify-eu",
        "orders",
        "orders show shopify-eu #1001",
    ] {
        let told = daemon.ok(line).await;
        assert!(told.contains("#1001"), "{line}: {told}");
    }
}
