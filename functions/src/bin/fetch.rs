//! Lambda entry point of [`functions::Operation::Fetch`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Fetch).await
}
