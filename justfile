# Short names for common commands.

accelerator := "cpu"

build:
    dotnet build -c Release -p:Accelerator={{accelerator}}

test:
    dotnet test -c Release -m:1

# The checks that a change must pass.
check:
    bash .ci/run

run *args:
    dotnet run --project src/YueService -c Release -p:Accelerator={{accelerator}} -- {{args}}

# Downloads only the codec and the vocoders (xcodec_mini_infer): just download-xcodec --folder DIR
download-xcodec *args:
    dotnet run --project src/YueService -c Release -p:Accelerator={{accelerator}} -- models pull xcodec {{args}}

# Publishes the service to ~/.local/lib/yue and starts it with systemd: just accelerator=cuda install-service
install-service:
    dotnet publish src/YueService -c Release -r linux-x64 --self-contained -p:Accelerator={{accelerator}} -o ~/.local/lib/yue
    mkdir -p ~/.local/bin
    ln -sf ~/.local/lib/yue/yue ~/.local/bin/yue
    install -Dm644 yue.service ~/.config/systemd/user/yue.service
    systemctl --user daemon-reload
    systemctl --user enable yue
    systemctl --user restart yue

# Builds archives, SBOMs, notes and checksums for the current commit in artifacts/release.
release:
    scripts/release.sh
