// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/batonctl/options.hpp"

#include "guest-api/batonctl/file.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <vector>

using namespace batonctl;

namespace {

Outcome<Options> parsed(std::initializer_list<const char*> words) {
    return parse(std::vector<const char*>(words));
}

void check_load(const Outcome<Options>& options, const char* append) {
    REQUIRE(options);
    CHECK(options->action == Action::load);
    CHECK(options->kernel == "/boot/Image");
    CHECK(options->initrd == "/boot/initrd");
    CHECK(options->append == append);
}

} // namespace

TEST_CASE("a load is understood in batonctl's spelling and in kexec's") {
    check_load(parsed({"load", "--kernel", "/boot/Image", "--initrd", "/boot/initrd", "--append",
                       "a b=c"}),
               "a b=c");
    check_load(parsed({"load", "--kernel=/boot/Image", "--initrd=/boot/initrd", "--append=a=b"}),
               "a=b");
    check_load(parsed({"-l", "/boot/Image", "--initrd=/boot/initrd", "--command-line=x"}), "x");
    check_load(parsed({"--load", "--ramdisk=/boot/initrd", "--append=", "/boot/Image"}), "");
    check_load(parsed({"-l", "--initrd", "/boot/initrd", "--", "/boot/Image"}), "");
    const Outcome<Options> reuse = parsed({"-l", "k", "--reuse-cmdline", "--append=more"});
    REQUIRE(reuse);
    CHECK(reuse->reuse_command_line);
    CHECK(reuse->append == "more");
}

TEST_CASE("so are the other commands") {
    struct Case {
        std::initializer_list<const char*> words;
        Action action;
    };
    for (const Case& example : {Case{{"exec"}, Action::exec},
                                {{"-e"}, Action::exec},
                                {{"exec", "--now"}, Action::exec},
                                {{"unload"}, Action::unload},
                                {{"-u"}, Action::unload},
                                {{"status"}, Action::status},
                                {{"-S"}, Action::status},
                                {{"status", "--json"}, Action::status},
                                {{"start", "a"}, Action::start},
                                {{"stop", "--vm=a", "--timeout", "3"}, Action::stop},
                                {{"trace"}, Action::trace},
                                {{"trace", "--json"}, Action::trace},
                                {{"log"}, Action::log},
                                {{"--help"}, Action::help},
                                {{"load", "--help"}, Action::help}}) {
        const Outcome<Options> options = parsed(example.words);
        CAPTURE(*example.words.begin());
        REQUIRE(options);
        CHECK(options->action == example.action);
    }
    CHECK(parsed({"exec", "--now"})->now);
    CHECK(!parsed({"exec"})->now);
    CHECK(parsed({"trace", "--json"})->json);
    CHECK(parsed({"status", "--json"})->json);
    CHECK(parsed({"-S"})->staged_is_1);
    CHECK(!parsed({"status"})->staged_is_1);
}

TEST_CASE("what makes no sense is refused in a sentence") {
    for (const std::initializer_list<const char*> words :
         {std::initializer_list<const char*>{},
          {"frobnicate"},
          {"load"},
          {"load", "--kernel"},
          {"load", "--kernel", "a", "--kernel", "b"},
          {"load", "a", "b"},
          {"exec", "/boot/Image"},
          {"exec", "--append=x"},
          {"exec", "-u"},
          {"status", "--now"},
          {"log", "--json"},
          {"--now"},
          {"--initrd=x"},
          {"load", "--kernel=a", "--dtb=b"},
          {""}}) {
        const Outcome<Options> options = parsed(words);
        REQUIRE(!options);
        CHECK(options.error().exit == Exit::usage);
        CHECK(options.error().sentence.ends_with("."));
    }
}

TEST_CASE("the running kernel's command line loses what names its file") {
    CHECK(without_boot_image("BOOT_IMAGE=/boot/vmlinuz root=/dev/vda quiet\n") ==
          "root=/dev/vda quiet");
    CHECK(without_boot_image("console=ttyAMA0\n") == "console=ttyAMA0");
    CHECK(without_boot_image("a  b BOOT_IMAGE=x") == "a b");
    CHECK(without_boot_image("").empty());
}

TEST_CASE("an image in the place of Baton has modules, with arguments") {
    const Outcome<Options> options =
        parsed({"load", "--host", "--kernel=baton.img", "--module", "Image:console=ttyAMA0 a:b",
                "--module=initrd", "--append=baton.report"});
    REQUIRE(options);
    CHECK(options->host);
    REQUIRE(options->modules.size() == 2);
    CHECK(options->modules[0].file == "Image");
    CHECK(options->modules[0].arguments == "console=ttyAMA0 a:b");
    CHECK(options->modules[1].file == "initrd");
    CHECK(options->modules[1].arguments.empty());
    const Outcome<Options> exec = parsed({"exec", "--host"});
    REQUIRE(exec);
    CHECK(exec->host);
    CHECK_FALSE(parsed({"load", "--kernel=k", "--module=m"}));
    CHECK_FALSE(parsed({"exec", "--host", "--now"}));
    CHECK_FALSE(parsed({"exec", "--host", "--module=m"}));
    CHECK_FALSE(parsed({"status", "--host"}));
    CHECK_FALSE(parsed({"load", "--host", "--kernel=k", "--module"}));
}

TEST_CASE("another VM is named, and has its time") {
    const Outcome<Options> load = parsed({"load", "--vm", "a", "--kernel=k", "--append=x"});
    REQUIRE(load);
    CHECK(load->vm == "a");
    CHECK(parsed({"exec", "--vm=1"})->vm == "1");
    CHECK(!parsed({"exec", "--vm=1"})->timeout);
    CHECK(parsed({"exec", "--vm=1", "--timeout=3"})->timeout == std::chrono::seconds(3));
    CHECK(parsed({"unload", "--vm=a"})->vm == "a");
    CHECK(parsed({"start", "a"})->vm == "a");
    CHECK(parsed({"stop", "a", "--timeout=86400"})->timeout == std::chrono::hours(24));
    for (const std::initializer_list<const char*> words :
         {std::initializer_list<const char*>{"start"},
          {"stop"},
          {"start", ""},
          {"exec", "--vm="},
          {"exec", "--vm", ""},
          {"start", "a", "b"},
          {"start", "a", "--vm=b"},
          {"start", "a", "--kernel=k"},
          {"status", "--vm=a"},
          {"trace", "--vm=a"},
          {"exec", "a"},
          {"exec", "--vm=a", "--now"},
          {"exec", "--vm=a", "--host"},
          {"load", "--vm=a", "--host", "--kernel=k"},
          {"load", "--vm=a", "--kernel=k", "--reuse-cmdline"},
          {"load", "--vm=a", "--kernel=k", "--timeout=3"},
          {"exec", "--timeout=3"},
          {"stop", "a", "--timeout=-1"},
          {"stop", "a", "--timeout=0"},
          {"stop", "a", "--timeout=1s"},
          {"stop", "a", "--timeout=86401"},
          {"stop", "a", "--timeout=99999999999"}}) {
        const Outcome<Options> options = parsed(words);
        CAPTURE(std::vector<const char*>(words).back());
        REQUIRE(!options);
        CHECK(options.error().exit == Exit::usage);
    }
}
