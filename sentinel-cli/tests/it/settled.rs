//! Policy files that are written slowly: a partially written document never
//! decides.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::running::Dev;
use crate::wire::Request;

/// Valid without the second half, and allows every caller. The second half
/// restricts it to alice.
const HALF: &str =
    "rules:\n  - name: slowly\n    effect: allow\n    conditions:\n      profiles: [production]\n";
const REST: &str = "      users: [alice]\n";

/// Maximum pause between two writes that any kind of writer may make.
const SETTLED: Duration = Duration::from_secs(1);

fn head(round: usize) -> String {
    format!("# {round}\nversion: \"1\"\n{HALF}")
}

/// A server with policies in a folder of the test.
struct Fixture {
    dev: Dev,
    policies: PathBuf,
}

impl Fixture {
    fn new(documents: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let policies = home.path().join("policies");
        fs::create_dir(&policies).unwrap();
        for (name, text) in documents {
            fs::write(policies.join(name), text).unwrap();
        }
        let folder = policies.to_str().unwrap().to_owned();
        Self { dev: Dev::start_in(home, &["--policies", &folder]), policies }
    }

    fn vend(&self, name: &str) -> String {
        let response = Request::new("GET", "/?profile=production", b"")
            .signed(self.dev.address, &self.dev.key(name), "execute-api")
            .send(self.dev.address);
        if response.status == 200 { "OK".to_owned() } else { response.code() }
    }

    /// Vends as bob until `work` has ended and for a while after. Returns all
    /// results.
    fn watch_bob(&self, work: impl FnOnce() + Send) -> Vec<String> {
        let mut seen = Vec::new();
        thread::scope(|scope| {
            let writer = scope.spawn(work);
            let mut ended = None;
            loop {
                seen.push(self.vend("bob"));
                thread::sleep(Duration::from_millis(10));
                if writer.is_finished()
                    && ended.get_or_insert_with(Instant::now).elapsed() > SETTLED * 3 / 2
                {
                    break;
                }
            }
        });
        seen
    }
}

/// Opens the file once, and pauses between the two halves.
fn write_in_place(path: &Path, round: usize, pause: Duration) {
    let mut file = File::create(path).unwrap();
    file.write_all(head(round).as_bytes()).unwrap();
    thread::sleep(pause);
    file.write_all(REST.as_bytes()).unwrap();
}

/// Opens the file for each half, as several commands in sequence do.
fn write_in_parts(path: &Path, round: usize, pause: Duration) {
    fs::write(path, head(round)).unwrap();
    thread::sleep(pause);
    OpenOptions::new().append(true).open(path).unwrap().write_all(REST.as_bytes()).unwrap();
}

type Writer = fn(&Path, usize, Duration);

/// A writer in place, such as `scp` and `rsync --inplace`, is detected because it
/// has the file open, so its pause is not limited.
const WRITERS: [(Writer, &[u64]); 2] =
    [(write_in_place, &[50, 120, 400, 900, 2000]), (write_in_parts, &[50, 120, 400, 700])];

#[test]
fn a_partially_written_policy_vends_nothing_during_any_pause_of_its_writer() {
    let complete = head(0) + REST;
    let check = |file: &str, (write, pauses): (Writer, &[u64])| {
        let fixture = Fixture::new(&[(file, &complete)]);
        let path = fixture.policies.join(file);
        assert_eq!(fixture.vend("alice"), "OK");
        for (round, pause) in pauses.iter().enumerate() {
            let seen = fixture.watch_bob(|| write(&path, round + 1, Duration::from_millis(*pause)));
            assert!(!seen.contains(&"OK".to_owned()), "{file}: {pause} ms: {seen:?}");
            assert_eq!(fixture.vend("alice"), "OK", "{file}: {pause} ms");
        }
    };
    thread::scope(|scope| {
        for file in ["main.yaml", "production.yaml"] {
            for writer in WRITERS {
                scope.spawn(move || check(file, writer));
            }
        }
    });
}

#[test]
fn a_main_document_that_is_absent_briefly_still_governs() {
    let main = head(0) + REST;
    let fixture = Fixture::new(&[("main.yaml", &main), ("production.yaml", &head(0))]);
    let path = fixture.policies.join("main.yaml");
    let aside = fixture.policies.join("main.yaml~");
    assert_eq!((fixture.vend("alice"), fixture.vend("bob")), ("OK".into(), "POLICY_DENY".into()));
    let seen = fixture.watch_bob(|| {
        fs::rename(&path, &aside).unwrap();
        thread::sleep(Duration::from_millis(700));
        fs::rename(&aside, &path).unwrap();
    });
    assert!(!seen.contains(&"OK".to_owned()), "{seen:?}");
    // A document that was really removed no longer governs.
    fs::remove_file(&path).unwrap();
    thread::sleep(SETTLED * 3 / 2);
    assert_eq!(fixture.vend("bob"), "OK");
}

#[test]
fn a_main_document_whose_links_target_is_replaced_still_governs() {
    let main = head(0) + REST;
    let fixture = Fixture::new(&[("production.yaml", &head(0))]);
    let parts = fixture.policies.join("parts");
    fs::create_dir(&parts).unwrap();
    let target = parts.join("main.yaml");
    fs::write(&target, &main).unwrap();
    std::os::unix::fs::symlink("parts/main.yaml", fixture.policies.join("main.yaml")).unwrap();
    thread::sleep(SETTLED * 3 / 2);
    assert_eq!((fixture.vend("alice"), fixture.vend("bob")), ("OK".into(), "POLICY_DENY".into()));
    let seen = fixture.watch_bob(|| {
        for pause in [200, 900, 2500] {
            fs::remove_file(&target).unwrap();
            thread::sleep(Duration::from_millis(pause));
            fs::write(&target, &main).unwrap();
            thread::sleep(SETTLED * 3 / 2);
        }
    });
    assert!(!seen.contains(&"OK".to_owned()), "{seen:?}");
    assert_eq!(fixture.vend("alice"), "OK");
}

#[test]
fn a_policy_that_is_renamed_into_place_takes_effect_about_a_second_later() {
    let fixture = Fixture::new(&[("production.yaml", &(head(0) + REST))]);
    assert_eq!(fixture.vend("bob"), "POLICY_DENY");
    let (path, new) = (fixture.policies.join("production.yaml"), fixture.policies.join(".new"));
    let hour = Duration::from_secs(3600);
    for (round, modified) in [SystemTime::now() - hour, SystemTime::now() + hour].iter().enumerate()
    {
        let text = head(round + 1);
        let (text, expected) = if round == 0 { (text, "OK") } else { (text + REST, "POLICY_DENY") };
        fs::write(&new, text).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(*modified).unwrap();
        fs::rename(&new, &path).unwrap();
        let begun = Instant::now();
        while fixture.vend("bob") != expected {
            assert!(begun.elapsed() < SETTLED * 2, "it is not in force");
        }
        println!("in force after {:?}", begun.elapsed());
    }
}
