//! Several instances of the service, as in Lambda. Each has its own runtime, because then it can be
//! killed in the middle of a request.

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

use crate::record::{REQUEST_NUMBER, Run};

/// The number of instances.
const INSTANCES: usize = 3;

/// The instances of the service. A slot is `None` while its instance restarts.
pub(crate) struct Farm {
    dynamodb: String,
    settings: Settings,
    instances: Vec<RwLock<Option<Instance>>>,
}

struct Instance {
    address: SocketAddr,
    /// `None` only during the drop.
    runtime: Option<Runtime>,
}

/// Kills the instance in the middle of its requests.
impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

tokio::task_local! {
    /// The number of the request that this task answers.
    static CURRENT_REQUEST: String;
}

/// Adds the number of the request to every call to DynamoDB. This works because the SDK sends a
/// call in the task that makes the call.
#[derive(Debug)]
struct AddRequestNumber;

impl Intercept for AddRequestNumber {
    fn name(&self) -> &'static str {
        "AddRequestNumber"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = CURRENT_REQUEST.try_with(String::clone)?;
        context.request_mut().headers_mut().insert(REQUEST_NUMBER, number);
        Ok(())
    }
}

async fn remember_request_number(request: Request, next: Next) -> Response {
    let number = request.headers().get(REQUEST_NUMBER).and_then(|number| number.to_str().ok());
    let number = number.unwrap_or_default().to_owned();
    CURRENT_REQUEST.scope(number, next.run(request)).await
}

impl Farm {
    /// Starts all instances. They send their calls to the URL `dynamodb`.
    pub(crate) fn start(dynamodb: String, settings: Settings) -> io::Result<Arc<Self>> {
        let instances = (0..INSTANCES).map(|_| RwLock::new(None)).collect();
        let farm = Self { dynamodb, settings, instances };
        for slot in 0..INSTANCES {
            farm.set(slot, Some(farm.instance()?));
        }
        Ok(Arc::new(farm))
    }

    /// The address of a random instance. `None` if that instance is restarting.
    pub(crate) fn any(&self, random: &mut Rng) -> Option<SocketAddr> {
        let slot = &self.instances[random.usize(..INSTANCES)];
        let instance = slot.read().unwrap_or_else(PoisonError::into_inner);
        instance.as_ref().map(|instance| instance.address)
    }

    /// Kills a random instance about every hundred operations, and starts a new one in its place.
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
            let config =
                client::at(&url).config().to_builder().interceptor(AddRequestNumber).build();
            let sessions = SessionStore::new(Client::from_conf(config), settings);
            let routes = local::gateway::routes(App::new(sessions), None)
                .layer(from_fn(remember_request_number));
            let router = local::gateway::to_its_end(routes);
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Ok(Instance { address, runtime: Some(runtime) })
    }
}
