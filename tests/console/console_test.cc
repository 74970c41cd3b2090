// The console as the program carries it, and the script that puts it there.
#include "api/console.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

std::string unpacked(std::string_view gzip, std::size_t size) {
  std::string out(size, '\0');
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(EmbeddedConsole, HasAllThatItsPageNamesAndNothingFromElsewhere) {
  if (console_files().empty()) GTEST_SKIP() << "built without web/";
  const auto page = console_answer(console_files(), {.method = "GET", .path = "/"});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  const std::regex link("(?:src|href)=\"([^\"]+)\"");
  int links = 0;
  for (std::sregex_iterator it(page->body.begin(), page->body.end(), link), end; it != end; ++it, ++links)
    EXPECT_TRUE(console_answer(console_files(), {.method = "GET", .path = (*it)[1].str()})) << (*it)[1];
  EXPECT_GT(links, 0);
}

TEST(EmbeddedConsole, HasPackedFilesThatUnpackToThePlainOnes) {
  std::set<std::string_view> paths;
  for (const ConsoleFile& file : console_files()) {
    EXPECT_TRUE(paths.insert(file.path).second) << file.path;
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    if (file.gzip.empty()) continue;
    EXPECT_LT(file.gzip.size(), file.bytes.size()) << file.path;
    EXPECT_EQ(unpacked(file.gzip, file.bytes.size() + 1), file.bytes) << file.path;
  }
}

// tools/console.mjs over a small web/ without dependencies.
class ConsoleScript : public testing::Test {
 protected:
  ConsoleScript() {
    write("web/package-lock.json", "{}");
    // Stands in for npm, which takes seconds, and writes down how it was called.
    write("npm", "#!/bin/sh\necho $1 >> ../../calls\n[ $1 = ci ] || exec node build.mjs\n");
    fs::permissions(folder_.path() / "npm", fs::perms::owner_all);
    write("web/build.mjs", R"(import fs from 'node:fs';
      fs.mkdirSync('dist/assets', {recursive: true});
      fs.writeFileSync('dist/index.html', fs.readFileSync('src/page.html'));
      fs.writeFileSync('dist/assets/a.js', 'x'.repeat(5000));)");
    write("web/src/page.html", "<p>first</p>");
  }
  void write(const std::string& name, std::string_view text) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_.path() / name).rdbuf();
    return text.str();
  }
  std::string generated() const { return text_of("out/console_files.cc"); }
  // What it printed, and "exit 1" at its end if it failed.
  std::string run(const std::string& npm = "../../npm") const {
    const std::string command =
        fmt::format("cd '{}' && node {}/tools/console.mjs {} {} {} 2>&1", folder_.path().string(), TIDECAST_ROOT, npm,
                    (folder_.path() / "web").string(), (folder_.path() / "out").string());
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    const int status = ::pclose(pipe);
    return WEXITSTATUS(status) == 0 ? text : text + fmt::format("exit {}", WEXITSTATUS(status));
  }

  TemporaryFolder folder_;
};

TEST_F(ConsoleScript, EmbedsWhatTheBuildMade) {
  ASSERT_EQ(run(), "");
  EXPECT_NE(generated().find("{\"/index.html\", \"text/html; charset=utf-8\", \""), std::string::npos) << generated();
  EXPECT_NE(generated().find("{\"/assets/a.js\", \"text/javascript; charset=utf-8\", \""), std::string::npos);
  EXPECT_NE(generated().find(", 5000}, {tidecast_console_"), std::string::npos) << "the plain and the packed one";
  EXPECT_FALSE(fs::exists(folder_.path() / "web/dist")) << "web/ is left alone";
  EXPECT_FALSE(fs::exists(folder_.path() / "web/node_modules"));
}

TEST_F(ConsoleScript, ForgetsWhatIsNoLongerThere) {
  write("web/src/old.txt", "old");
  ASSERT_EQ(run(), "");
  const std::string first = generated();
  fs::remove(folder_.path() / "web/src/old.txt");
  write("web/src/page.html", "<p>second</p>");
  ASSERT_EQ(run(), "");
  EXPECT_NE(generated(), first) << "another hash";
  EXPECT_FALSE(fs::exists(folder_.path() / "out/web/src/old.txt"));
}

TEST_F(ConsoleScript, InstallsPackagesOnlyWhenTheLockFileChanged) {
  ASSERT_EQ(run(), "");
  write("web/src/page.html", "<p>second</p>");
  ASSERT_EQ(run(), "");
  EXPECT_EQ(text_of("calls"), "ci\nrun\nrun\n");
  write("web/package-lock.json", "{ }");
  ASSERT_EQ(run(), "");
  EXPECT_EQ(text_of("calls"), "ci\nrun\nrun\nci\nrun\n");
}

TEST_F(ConsoleScript, SaysWhatIsWrong) {
  EXPECT_TRUE(run("/nowhere/npm").ends_with("exit 1"));
  write("web/build.mjs", "process.exit(3)");
  EXPECT_NE(run().find("console: npm run --silent build failed in "), std::string::npos);
  write("web/build.mjs",
        "import fs from 'node:fs'; fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', ''); "
        "fs.writeFileSync('dist/a.exe', '')");
  EXPECT_NE(run().find("console: dist/a.exe: no content type is known for it"), std::string::npos);
  fs::remove(folder_.path() / "web/package-lock.json");
  EXPECT_NE(run().find("web/package-lock.json is missing"), std::string::npos);
}

}  // namespace
}  // namespace tidecast
