#include "cli/cli.h"

int main(int argc, char** argv) { return tidecast::run_cli(argc, argv); }
