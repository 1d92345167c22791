//! Ctrl-C, and SIGTERM where there is such a thing.

use tokio::sync::mpsc;

/// One message for each signal from now on.
pub(crate) fn listen() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(forward(sender));
    receiver
}

#[cfg(unix)]
async fn forward(sender: mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        eprintln!("ingest: signals cannot be caught here: Ctrl-C will end the run without a summary");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if sender.send(()).await.is_err() {
            return;
        }
    }
}

#[cfg(not(unix))]
async fn forward(sender: mpsc::Sender<()>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if sender.send(()).await.is_err() {
            return;
        }
    }
    // dropping the sender would look like a signal that never ends
    std::future::pending().await
}
