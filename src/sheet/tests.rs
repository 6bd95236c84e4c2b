use super::*;

const PLACES: [&str; 2] = ["main", "annex"];

/// All rows, or everything that is wrong.
fn parse(bytes: &[u8], counts: bool) -> Result<Vec<Row>, Vec<Fault>> {
    let of = match counts {
        true => Of::Counts(&PLACES),
        false => Of::Receipts(&PLACES),
    };
    match read(bytes, of) {
        Ok(sheet) if sheet.faults.is_empty() => Ok(sheet.rows),
        Ok(sheet) => Err(sheet.faults),
        Err(fault) => Err(vec![fault]),
    }
}

fn rows(text: &str) -> Vec<(String, String, u32)> {
    let rows = parse(text.as_bytes(), true).unwrap();
    rows.into_iter()
        .map(|row| (row.sku, row.location, row.units))
        .collect()
}

#[test]
fn files_of_every_program_give_the_same_rows() {
    let expected = [
        ("MUG-RED".to_owned(), "main".to_owned(), 10),
        ("A, B".to_owned(), "annex".to_owned(), 0),
    ];
    for text in [
        "sku,location,units\nMUG-RED,main,10\n\"A, B\",annex,0\n",
        "\u{feff}sku,location,units\r\nMUG-RED,main,10\r\n\"A, B\",annex,0",
        " SKU , Location,Units \n MUG-RED , main , 10 \n\"A, B\" ,annex,0\n\n",
        "units,sku,location\n010,\"MUG-RED\",main\n0,\"A, B\",annex\n",
    ] {
        assert_eq!(rows(text), expected, "{text:?}");
    }
}

#[test]
fn what_the_ledger_would_refuse_is_a_fault_of_the_file() {
    let why = |text: &str, counts| -> Vec<String> {
        let faults = parse(text.as_bytes(), counts).unwrap_err();
        faults.into_iter().map(|fault| fault.why).collect()
    };
    let zero = "sku,location,units\nA,main,1\nB,main,0\n";
    assert_eq!(why(zero, false), ["a receipt of 0 units"]);
    assert_eq!(rows(zero).len(), 2, "a count of 0 is a count");
    let many = "sku,location,units\nA,main,1000000001\n";
    assert_eq!(why(many, true), ["1000000001 units are too many"]);
    let turned = "sku,location,units\nA\u{202e}B,main,1\n";
    assert_eq!(why(turned, true), ["the SKU holds unprintable characters"]);
}

/// Faults as `line column why`.
fn faults(bytes: &[u8], counts: bool) -> Vec<String> {
    let faults = parse(bytes, counts).unwrap_err();
    assert!(faults.iter().all(|fault| !fault.help.is_empty()));
    let told = faults
        .iter()
        .map(|fault| format!("{} {} {}", fault.line, fault.column, fault.why));
    told.collect()
}

#[test]
fn whatever_is_wrong_with_a_file_is_told_with_its_place() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["1  the file is empty"]),
        ("\n", &["1  the file is empty"]),
        (
            "sku,location,units\n",
            &["2  there is no row below the header"],
        ),
        ("sku,location\nA,main\n", &["1 units the header lacks it"]),
        (
            "sku,location,units,units\nA,main,1,2\n",
            &["1 units the header has it twice"],
        ),
        (
            "sku,location,quantity\nA,main,1\n",
            &["1  unknown column \"quantity\""],
        ),
        ("A,main,1\n", &["1  unknown column \"a\""]),
        (
            "sku,location,units\nA,main,-1\nB,main,1.5\nC,main,4294967296\nD,main,\nE,main,+1\n",
            &[
                "2 units -1 is no number of units",
                "3 units 1.5 is no number of units",
                "4 units 4294967296 units are too many",
                "5 units the units are missing",
                "6 units +1 is no number of units",
            ],
        ),
        (
            "sku,location,units\nA,main,1\n,moon,x\nB,,2\n",
            &[
                "3 sku the SKU is missing",
                "3 location unknown location moon",
                "3 units x is no number of units",
                "4 location the location is missing",
            ],
        ),
        (
            "sku,location,units\nA,main\nB,main,1,2\n",
            &[
                "2  2 values where the header has 3",
                "3  4 values where the header has 3",
            ],
        ),
        (
            "sku,location,units\nA,main,1\nA,annex,1\nA,main,2\n",
            &[
                "2  this SKU and location are counted in line 4 too",
                "4  this SKU and location are counted in line 2 too",
            ],
        ),
        (
            "sku,location,units\nA\u{7}B,main,1\n",
            &["2 sku the SKU holds unprintable characters"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(faults(text.as_bytes(), true), *expected, "{text:?}");
    }
    let long = format!("sku,location,units\n{},main,1\n", "A".repeat(256));
    assert_eq!(
        faults(long.as_bytes(), true),
        ["2 sku the SKU is longer than 255 bytes"]
    );
    assert_eq!(
        faults(b"sku,location,units\n\xff,main,1\n", true),
        ["2 sku it is not UTF-8"]
    );
}

#[test]
fn lines_that_end_as_on_an_old_macintosh_are_counted() {
    assert_eq!(
        faults(b"sku,location,units\rA,main,1\r\rA,main,2\r", true),
        [
            "2  this SKU and location are counted in line 4 too",
            "4  this SKU and location are counted in line 2 too",
        ]
    );
}

#[test]
fn a_sku_may_be_received_twice_in_one_file() {
    let text = b"sku,location,units\nA,main,1\nA,main,2\n";
    assert_eq!(parse(text, false).unwrap().len(), 2);
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_rows_or_faults(bytes: Vec<u8>) {
        let mut file = b"sku,location,units\n".to_vec();
        file.extend(&bytes);
        for file in [&bytes, &file] {
            if let Err(faults) = parse(file, false) {
                assert!(!faults.is_empty());
            }
        }
    }
}

#[test]
fn a_file_of_one_location_tells_good_rows_from_bad_ones() {
    let text = "\u{feff}sku,units,as_of\nA,5,2026-11-20T09:00:00Z\nB,x,2026-11-20T09:00:00Z\n\n\"C, D\",7,today\nE,0,2026-11-20T04:00:00-05:00";
    let sheet = read(text.as_bytes(), Of::CountsAt("main")).unwrap();
    let rows = sheet.rows.iter();
    let rows: Vec<_> = rows
        .map(|row| (row.line, row.sku.as_str(), row.units))
        .collect();
    assert_eq!(rows, [(2, "A", 5), (6, "E", 0)]);
    let times: Vec<_> = sheet.rows.iter().map(|row| row.as_of).collect();
    assert_eq!(times, [Timestamp::parse("2026-11-20T09:00:00Z"); 2]);
    assert!(sheet.rows.iter().all(|row| row.location == "main"));
    let bytes = |at: &Range<usize>| text[at.clone()].trim().to_owned();
    assert_eq!(bytes(&sheet.header), "sku,units,as_of");
    let faults = sheet.faults.iter();
    let faults: Vec<_> = faults
        .map(|fault| (fault.line, fault.column, bytes(&fault.at)))
        .collect();
    let expected = [
        (3, "units", "B,x,2026-11-20T09:00:00Z".to_owned()),
        (5, "as_of", "\"C, D\",7,today".to_owned()),
    ];
    assert_eq!(faults, expected);
    let header = read(b"sku,units\nA,5\n", Of::CountsAt("main")).unwrap_err();
    assert_eq!((header.line, header.column), (1, "as_of"));
}
