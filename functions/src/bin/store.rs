//! Lambda entry point of [`functions::Operation::Store`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Store).await
}
