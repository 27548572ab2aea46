//! Lambda entry point of [`functions::sweep`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve_sweep().await
}
