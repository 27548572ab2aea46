//! Lambda entry point of [`functions::Operation::Remove`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Remove).await
}
