//! Files of parcels: a list goes out to the warehouse and comes back filled in.

use std::fs;
use std::path::PathBuf;

use channelsync::cli::Exit;

use super::{Daemon, head};

/// Three orders on two channels, and the list of them as it was exported.
async fn exported() -> (Daemon, PathBuf) {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    daemon.buy("shopify-us", "451", "#1002", 1).await;
    daemon.buy("shopify-eu", "9", "#1001", 1).await;
    let file = daemon.dir().join("today.csv");
    let export = format!("orders export --to-ship --output {}", file.display());
    daemon.ok(&export).await;
    (daemon, file)
}

/// The file with what the warehouse writes behind the row of an order.
fn fill_in(file: &PathBuf, order: &str, filled: &str) {
    let text = fs::read_to_string(file).unwrap();
    let row = |row: &str| match row.strip_suffix(",,") {
        Some(begin) if row.contains(&format!(",{order},")) => format!("{begin},{filled}\n"),
        _ => format!("{row}\n"),
    };
    fs::write(file, text.lines().map(row).collect::<String>()).unwrap();
}

const LEFT_OUT: &str = "no tracking number, nothing of it was booked: fill it in and give the file \
                        again, or --untracked where they left without";

#[tokio::test]
async fn only_rows_with_a_number_leave_and_a_list_as_it_was_exported_ships_nothing() {
    let (daemon, file) = exported().await;
    let ship = format!("orders ship {}", file.display());
    let before = daemon.head();
    let told = daemon.ok(&ship).await;
    assert_eq!(told, format!("0 parcels booked; 3 rows have {LEFT_OUT}\n"));
    assert_eq!(daemon.head(), before, "nothing is booked");
    fill_in(&file, "450", "1Z99,UPS");
    let told = daemon.ok(&ship).await;
    assert_eq!(told, format!("1 parcel booked; 2 rows have {LEFT_OUT}\n"));
    let open = daemon.ok("orders --open").await;
    assert!(open.contains("  451  ") && open.contains("  9  "), "{open}");
    fill_in(&file, "451", "1Z98,UPS");
    let told = daemon.ok(&ship).await;
    let known = "1 parcel booked, 1 was booked before";
    assert_eq!(told, format!("{known}; 1 row has {LEFT_OUT}\n"));
    let told = daemon.ok(&format!("{ship} --untracked")).await;
    assert_eq!(told, "1 parcel booked, 2 were booked before\n");
    let left = daemon.ok("orders export --to-ship").await;
    assert_eq!(left.lines().count(), 1, "the header alone: {left}");
    let (exit, _, err) = daemon.run("orders ship #1001 --untracked").await;
    assert_eq!(
        (exit, head(&err)),
        (
            Exit::Usage,
            "error: --untracked is said of a file, and #1001 is none"
        )
    );
}

#[tokio::test]
async fn a_sku_that_its_line_does_not_sell_is_told_with_the_row() {
    let (daemon, file) = exported().await;
    fill_in(&file, "450", "1Z99,UPS");
    let text = fs::read_to_string(&file).unwrap();
    let at = 1 + text.lines().position(|row| row.contains("1Z99")).unwrap();
    fs::write(&file, text.replace("MUG-RED", "MUG-BLUE")).unwrap();
    let ship = format!("orders ship {}", file.display());
    let (exit, _, err) = daemon.run(&ship).await;
    assert_eq!(exit, Exit::Usage);
    let wrong = format!("line {at}: line 1 sells MUG-RED, not MUG-BLUE");
    assert!(err.contains(&wrong), "{err}");
    daemon.ok("stock rename MUG-RED MUG-BLUE").await;
    assert!(
        daemon.ok(&ship).await.starts_with("1 parcel booked"),
        "the book calls it so"
    );
}

#[tokio::test]
async fn an_export_writes_over_no_file_unless_it_is_told_to() {
    let (daemon, file) = exported().await;
    fill_in(&file, "450", "1Z99,UPS");
    let export = format!("orders export --to-ship --output {}", file.display());
    let (exit, _, err) = daemon.run(&export).await;
    let said = format!("error: {} is there already", file.display());
    assert_eq!((exit, head(&err)), (Exit::Usage, said.as_str()));
    assert!(fs::read_to_string(&file).unwrap().contains("1Z99"));
    daemon.ok(&format!("{export} --force")).await;
    assert!(!fs::read_to_string(&file).unwrap().contains("1Z99"));
}
