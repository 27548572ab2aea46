//! Listens on the loopback addresses of IPv4 and IPv6, because some programs take `localhost` for
//! `::1`, or on an address that a container can reach.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

/// A port of this machine.
#[derive(Debug)]
pub struct LocalPort {
    first: TcpListener,
    /// The same port at `::1`, if the first one is at 127.0.0.1 and this machine has IPv6.
    v6: Option<TcpListener>,
}

impl LocalPort {
    /// Listens on `port` of 127.0.0.1 and ::1. Port 0 is any free port.
    ///
    /// # Errors
    ///
    /// If another program has the port.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port_of_v4 = first.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port_of_v4)).await {
            Ok(v6) => Ok(Self { first, v6: Some(v6) }),
            // A free port of IPv4 need not be free for IPv6.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => Err(error),
            // This machine has no IPv6.
            Err(_) => Ok(Self { first, v6: None }),
        }
    }

    /// Listens on `port` of this address only. 0.0.0.0 is every address of this machine.
    ///
    /// # Errors
    ///
    /// If another program has the port, or if this machine does not have the address.
    pub async fn bind_at(host: IpAddr, port: u16) -> io::Result<Self> {
        Ok(Self { first: TcpListener::bind((host, port)).await?, v6: None })
    }

    /// The address at which this machine reaches the port.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        let mut address = self.first.local_addr()?;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Ok(address)
    }

    /// The listeners.
    pub(crate) fn into_parts(self) -> [Option<TcpListener>; 2] {
        [Some(self.first), self.v6]
    }
}

impl Listener for LocalPort {
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
            accepted = Listener::accept(&mut self.first) => accepted,
            accepted = v6 => accepted,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.first.local_addr()
    }
}
