//! Terminals of a given width, on which commands run.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::running::CommandOutput;

/// Maximum time for any action of a command on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A terminal, and what was written to it so far.
pub(crate) struct Terminal {
    /// The end of the command. `None` after it was passed on.
    slave: Option<File>,
    text: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Terminal {
    pub(crate) fn new(columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).unwrap();
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let (sender, ended) = channel();
        let written = Arc::clone(&text);
        std::thread::spawn(move || {
            let mut master = File::from(master);
            let mut buffer = [0; 4096];
            loop {
                match master.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => written.lock().unwrap().extend_from_slice(&buffer[..read]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // On Linux, the last process that has the terminal open has closed it.
                    Err(_) => break,
                }
            }
            sender.send(()).ok();
        });
        Self { slave: Some(slave), text, ended }
    }

    /// The stream for a command. Only one command can have it.
    pub(crate) fn stdio(&mut self) -> Stdio {
        self.slave.take().unwrap().into()
    }

    /// What was written so far, with the line ends of a file.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).replace("\r\n", "\n")
    }

    /// What was written, as soon as it contains `part`.
    pub(crate) fn with(&self, part: &str) -> String {
        self.until(|text| text.contains(part))
    }

    /// What was written, as soon as `is_enough` returns true.
    pub(crate) fn until(&self, is_enough: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + TIMEOUT;
        loop {
            let text = self.text();
            if is_enough(&text) {
                return text;
            }
            assert!(Instant::now() < end, "the terminal shows only {text:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that was written, after the command has ended.
    pub(crate) fn all(self) -> String {
        self.ended.recv_timeout(TIMEOUT).unwrap();
        self.text()
    }
}

/// Starts a command without keeping its streams open in this process.
pub(crate) fn start(command: &mut Command) -> Child {
    let child = command.spawn().unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    child
}

/// Runs a command whose results are shown on a terminal of that width. Its stderr is a pipe.
pub(crate) fn run_on_terminal(command: &mut Command, columns: u16) -> CommandOutput {
    let mut terminal = Terminal::new(columns);
    command.stdout(terminal.stdio()).stderr(Stdio::piped());
    let output = start(command).wait_with_output().unwrap();
    CommandOutput {
        status: output.status.code().unwrap(),
        stdout: terminal.all(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
