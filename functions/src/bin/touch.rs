//! Lambda entry point of [`functions::Operation::Touch`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Touch).await
}
