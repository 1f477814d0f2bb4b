//! The inbox's mail door: whatever a client says, in whatever pieces, the next one is served.

use std::cell::OnceCell;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use watchfire::inbox::Inbox;

use super::loopback;

thread_local! {
    static INBOX: OnceCell<Inbox> = const { OnceCell::new() };
}

pub fn check(data: &[u8]) {
    let inbox = INBOX.with(|inbox| {
        let open =
            || loopback::run(Inbox::open(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into())).expect("doors");
        inbox.get_or_init(open).clone()
    });
    let Some((piece, talk)) = data.split_first() else { return };
    let answers = loopback::run(async {
        let mut stream = TcpStream::connect(inbox.smtp).await?;
        for piece in talk.chunks(usize::from(*piece).max(1) * 16) {
            stream.write_all(piece).await?;
        }
        stream.shutdown().await?;
        let mut answers = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answers)).await.expect("it ends")?;
        std::io::Result::Ok(answers)
    });
    // A client that is let go in the middle of its talk sees the connection reset.
    if let Ok(answers) = answers {
        assert!(answers.starts_with(b"220 "), "{:?}", String::from_utf8_lossy(&answers));
        assert!(answers.len() <= 64 * (talk.len() + 1));
    }
    inbox.pages().iter().for_each(|page| assert!(page.channel == "email"));
}
