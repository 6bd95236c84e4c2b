use super::*;

#[test]
fn all_faults_are_told_and_that_nothing_was_booked() {
    let of = Of::Counts(&["main", "annex"]);
    let sheet = sheet::read(b"sku,location,units\nA,moon,x\n", of).unwrap();
    insta::assert_snapshot!(told(Path::new("counts.csv"), &sheet.faults), @r"
        error: nothing was booked: counts.csv has 2 faults
        line 2, column location: unknown location moon
          help: the merchant's file has: main, annex
        line 2, column units: x is no number of units
          help: units are whole numbers from 0 to 1000000000
        ");
}

#[test]
fn a_file_is_known_again_by_its_bytes_and_kind() {
    assert_eq!(chunk_id("ab", "counts", 1, None), "import-ab-counts-1");
    assert_eq!(
        chunk_id("ab", "counts", 1, Some("tuesday")),
        "import-ab-counts-1-tuesday"
    );
    assert_eq!(summary(501, 0), "501 rows booked");
    assert_eq!(
        summary(0, 1),
        "0 rows booked, 1 row of this file was booked before or changed nothing; what was booked since \
         stands. To book it once more: --id NAME"
    );
    let failure = Failure::new(Exit::TryAgain, "the queue is full", "try again in a moment");
    insta::assert_snapshot!(halfway(failure, 500, 800), @r"
        error: the queue is full (500 of 800 rows were booked now)
        help: try again in a moment; then import the very same file again: what is booked already is not booked twice
        ");
}
