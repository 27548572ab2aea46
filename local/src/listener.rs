//! Listens on the loopback addresses of IPv4 and IPv6: some programs take `localhost` for `::1`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

/// A port of this machine, at 127.0.0.1 and, if this machine has IPv6, at ::1.
#[derive(Debug)]
pub struct Loopback {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Loopback {
    /// Listens on `port`. Port 0 is any free port.
    ///
    /// # Errors
    ///
    /// If another program has the port.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port_of_v4 = v4.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port_of_v4)).await {
            Ok(v6) => Ok(Self { v4, v6: Some(v6) }),
            // A free port of IPv4 need not be free for IPv6.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => Err(error),
            // This machine has no IPv6.
            Err(_) => Ok(Self { v4, v6: None }),
        }
    }

    /// The port.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell it.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.v4.local_addr()?.port())
    }

    /// The listeners of IPv4 and of IPv6.
    pub(crate) fn into_parts(self) -> (TcpListener, Option<TcpListener>) {
        (self.v4, self.v6)
    }
}

impl Listener for Loopback {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let v6 = async {
            match &mut self.v6 {
                Some(v6) => Listener::accept(v6).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = Listener::accept(&mut self.v4) => accepted,
            accepted = v6 => accepted,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.v4.local_addr()
    }
}
