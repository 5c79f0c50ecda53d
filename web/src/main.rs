fn main() {
    svclab_web::page::start();
}
