//! Emulators start, are separate from each other, and stop.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use sentinel_store::dynamodb::TableDefinition;
use sentinel_testkit::emulator::{Emulator, Kind};

use crate::stores::table;

#[tokio::test(flavor = "multi_thread")]
async fn two_concurrent_emulators_are_independent_and_stop_when_dropped() {
    let (one, two) = tokio::join!(Emulator::start(Kind::Moto), Emulator::start(Kind::Ministack));
    let (one, two) = (one.unwrap(), two.unwrap());
    table(&one.config().unwrap(), TableDefinition::SESSIONS).await;
    let client = aws_sdk_dynamodb::Client::new(&two.config().unwrap());
    assert_eq!(client.list_tables().send().await.unwrap().table_names(), [""; 0]);
    for emulator in [one, two] {
        let address = emulator.address();
        TcpStream::connect(address).unwrap();
        drop(emulator);
        closed(address).await;
    }
}

/// Even `kill -9` of the test does not leave an emulator running, because a pipe guards it.
#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_ends_with_the_process_that_started_it() {
    let mut emulator = Emulator::start(Kind::Moto).await.unwrap();
    emulator.abandon();
    closed(emulator.address()).await;
}

/// Waits until no process listens on this address: a killed process needs some time to end.
async fn closed(address: SocketAddr) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(begun.elapsed().as_secs() < 20, "it still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
