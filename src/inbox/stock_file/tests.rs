use std::fs;

use super::look::{look, read};

/// R49
#[test]
fn a_file_that_changes_is_told_from_one_that_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stock.csv");
    assert!(look(&path).unwrap_err().contains("stock.csv: No such file"));
    fs::write(&path, "sku,units").unwrap();
    let first = look(&path).unwrap();
    assert_eq!(first, look(&path).unwrap());
    assert_eq!(read(&path, first[&path]).unwrap().unwrap(), b"sku,units");
    fs::write(&path, "sku,units,as_of\n").unwrap();
    let second = look(&path).unwrap();
    assert_ne!(first, second);
    assert_eq!(read(&path, first[&path]).unwrap(), None, "it is longer now");
    // Another file of the same length and time in its place.
    let (moved, kept) = (dir.path().join("new"), fs::metadata(&path).unwrap());
    fs::write(&moved, "sku,units,as_of;").unwrap();
    let file = fs::File::options().write(true).open(&moved).unwrap();
    file.set_modified(kept.modified().unwrap()).unwrap();
    fs::rename(&moved, &path).unwrap();
    assert_ne!(look(&path).unwrap(), second);
}

#[test]
fn a_folder_holds_files_by_name_and_nothing_else_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.csv", "a.CSV", ".c.csv", "d.csv.part", "e.txt"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    fs::create_dir(dir.path().join("f.csv")).unwrap();
    let files = look(dir.path()).unwrap();
    let names: Vec<_> = files.keys().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["a.CSV", "b.csv"]);
    for number in 0..1_000 {
        fs::write(dir.path().join(format!("{number}.csv")), "").unwrap();
    }
    let why = look(dir.path()).unwrap_err();
    assert!(why.contains("more than 1000 files"), "{why}");
}

#[test]
fn what_is_no_file_or_too_long_is_told_and_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("stock.csv");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(look(&socket).unwrap_err().contains("is no file"));
    let path = dir.path().join("long.csv");
    fs::File::create(&path)
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    let files = look(&path).unwrap();
    let why = read(&path, files[&path]).unwrap_err();
    assert!(why.contains("16777217 bytes: split it"), "{why}");
}
