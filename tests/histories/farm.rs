//! The service, several times over as Lambda would run it: each in a runtime of its own, so that it
//! can be killed in the middle of whatever it does.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use fastrand::Rng;
use functions::App;
use session_store::{SessionStore, Settings, client};
use tokio::runtime::{Builder, Runtime};

use crate::record::{ASKED, Run};

/// How many run at once.
const INSTANCES: usize = 3;

/// The running functions.
pub(crate) struct Farm {
    dynamodb: String,
    settings: Settings,
    instances: Vec<RwLock<Option<Instance>>>,
}

struct Instance {
    address: SocketAddr,
    /// Always there, but while it is dropped.
    runtime: Option<Runtime>,
}

/// It dies in the middle of whatever it does.
impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

tokio::task_local! {
    /// Which request this task answers.
    static NOW_ASKED: String;
}

/// Says of every call to DynamoDB for which request it is. The SDK calls in the task that asks it.
#[derive(Debug)]
struct SayAsked;

impl Intercept for SayAsked {
    fn name(&self) -> &'static str {
        "SayAsked"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let asked = NOW_ASKED.try_with(String::clone)?;
        context.request_mut().headers_mut().insert(ASKED, asked);
        Ok(())
    }
}

async fn remember_asked(request: Request, next: Next) -> Response {
    let asked = request.headers().get(ASKED).and_then(|asked| asked.to_str().ok());
    let asked = asked.unwrap_or_default().to_owned();
    NOW_ASKED.scope(asked, next.run(request)).await
}

impl Farm {
    /// Starts all of them, over the DynamoDB at an address.
    pub(crate) fn start(dynamodb: String, settings: Settings) -> io::Result<Arc<Self>> {
        let instances = (0..INSTANCES).map(|_| RwLock::new(None)).collect();
        let farm = Self { dynamodb, settings, instances };
        for slot in 0..INSTANCES {
            farm.set(slot, Some(farm.instance()?));
        }
        Ok(Arc::new(farm))
    }

    /// One that runs, if any does.
    pub(crate) fn any(&self, random: &mut Rng) -> Option<SocketAddr> {
        let slot = &self.instances[random.usize(..INSTANCES)];
        let instance = slot.read().unwrap_or_else(PoisonError::into_inner);
        instance.as_ref().map(|instance| instance.address)
    }

    /// Kills one after the other, and starts another in its place; one in a hundred operations or so.
    pub(crate) async fn kill_and_restart(&self, run: &Run) -> io::Result<()> {
        let mut random = Rng::with_seed(run.seed);
        let mut next = 0;
        loop {
            next += random.u64(50..150);
            while run.tally.operations() < next {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let slot = random.usize(..INSTANCES);
            self.set(slot, None);
            run.tally.killed();
            tokio::time::sleep(Duration::from_millis(random.u64(..30))).await;
            self.set(slot, Some(self.instance()?));
        }
    }

    fn set(&self, slot: usize, instance: Option<Instance>) {
        *self.instances[slot].write().unwrap_or_else(PoisonError::into_inner) = instance;
    }

    fn instance(&self) -> io::Result<Instance> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (url, settings) = (self.dynamodb.clone(), self.settings.clone());
        runtime.spawn(async move {
            let config = client::at(&url).config().to_builder().interceptor(SayAsked).build();
            let sessions = SessionStore::new(Client::from_conf(config), settings);
            let router =
                local::gateway::router(App::over(sessions), None).layer(from_fn(remember_asked));
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Ok(Instance { address, runtime: Some(runtime) })
    }
}
