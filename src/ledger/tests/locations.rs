//! Several locations: the channel's routing, the first that fills the whole, split.

use insta::assert_snapshot;

use channelsync_contract::ids::MerchantId;

use super::super::command::Command;
use super::super::refusal::Refusal;
use super::super::setup::Setup;
use super::language::replay;
use super::world::World;

#[test]
fn a_book_takes_no_settings_of_another_merchant() {
    let mut world = World::new();
    let of = |merchant: &str| {
        let merchant = Some(MerchantId::new(merchant));
        Command::Configure(Box::new(Setup {
            merchant,
            ..Setup::default()
        }))
    };
    world.book(&of("acme")).unwrap();
    let (owner, other) = (MerchantId::new("acme"), MerchantId::new("bolt"));
    let refused = Err(Refusal::OtherMerchant { owner, other });
    assert_eq!(world.book(&of("bolt")), refused);
    world.book(&of("acme")).unwrap();
    world.finish();
}

#[test]
fn the_first_location_that_fills_the_whole_order_takes_it() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 west=L3
        receive MUG 5
        receive CUP 1
        receive MUG 5 at=east
        receive CUP 5 at=east
        receive MUG 9 at=west
        receive CUP 9 at=west
        order A1 MUG 2 CUP 2
    "), @r"
    MUG  main  available 5
    MUG  east  available 3  committed 2
    MUG  west  available 9
    CUP  main  available 1
    CUP  east  available 3  committed 2
    CUP  west  available 9
    A1 MUG  open 2  held east 2
    A1 CUP  open 2  held east 2
    wanted A1 +2 s
    ");
}

#[test]
fn an_order_that_no_location_fills_is_split_and_the_rest_is_owed() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 2
        receive MUG 3 at=east
        order A1 MUG 6
        receive MUG 2 at=east
    "), @r"
    MUG  main  committed 2
    MUG  east  available 1  committed 4
    A1 MUG  open 6  held main 2  held east 4
    wanted A1 -58 s
    ");
}

#[test]
fn a_route_known_late_moves_the_commitment() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        receive MUG 5 at=east
        order A1 MUG 3
        book
        route A1 MUG L2
        book
        route A1 MUG L1:1 L2:2
    "), @r"
        MUG  main  available 2  committed 3
        MUG  east  available 5
        A1 MUG  open 3  held main 3
        MUG  main  available 5
        MUG  east  available 2  committed 3
        A1 MUG  open 3  held east 3
    MUG  main  available 4  committed 1
    MUG  east  available 3  committed 2
    A1 MUG  open 3  held east 2  held main 1
    ");
}

#[test]
fn a_route_to_a_place_without_units_is_followed_as_far_as_units_are_there() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        receive MUG 1 at=east
        order A1 MUG 3 place=L2
        book
        receive MUG 5 at=east
        tell A1
        edit A1 MUG 4
    "), @r"
        MUG  main  available 3  committed 2
        MUG  east  committed 1
        A1 MUG  open 3  held east 1  held main 2
    MUG  main  available 5
    MUG  east  available 2  committed 4
    A1 MUG  open 4  held east 4
    ");
}

#[test]
fn a_route_to_a_place_we_do_not_serve_from_counts_as_said() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        order A1 MUG 3 place=L9
    "), @r"
    MUG  main  available 2  committed 3
    A1 MUG  open 3  held main 3
    ");
}

#[test]
fn moving_a_route_frees_units_for_those_who_wait() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        channel eu main=M1
        receive MUG 3
        receive MUG 3 at=east
        order A1 MUG 3 place=L1
        order B1 MUG 2 on=eu
        route A1 MUG L2
    "), @r"
    MUG  main  available 1  committed 2
    MUG  east  committed 3
    A1 MUG  open 3  held east 3
    B1 MUG  open 2  held main 2
    ");
}

#[test]
fn routing_is_asked_for_until_it_is_said() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        order A1 MUG 3 by=webhook
        tell A1
        route A1 MUG L2
        edit A1 MUG 4 by=webhook
        order A2 MUG 1 place=L1
        edit A2 CUP 1
    "), @r"
    MUG  main  committed 5
    A1 MUG  open 4  held main 4
    A2 MUG  open 1  held main 1
    A2 CUP  open 1  parked
    wanted A2 +2 s
    ");
}

#[test]
fn surplus_is_given_back_where_it_is_not_routed_then_at_the_last_choice() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 west=L3
        receive MUG 2
        receive MUG 2 at=east
        receive MUG 2 at=west
        order A1 MUG 6
        route A1 MUG L3:2
        book
        edit A1 MUG 3
        book
        edit A1 MUG 1
    "), @r"
        MUG  main  committed 2
        MUG  east  committed 2
        MUG  west  committed 2
        A1 MUG  open 6  held main 2  held east 2  held west 2
        MUG  main  available 1  committed 1
        MUG  east  available 2
        MUG  west  committed 2
        A1 MUG  open 3  held main 1  held west 2
    MUG  main  available 2
    MUG  east  available 2
    MUG  west  available 1  committed 1
    A1 MUG  open 1  held west 1
    ");
}
