# A job behind a policy, on clients that have msb-cni in the network `sandboxed`: docs/cni.md. The policy is a file of the client's,
# /etc/msb/policies/python.msb. Who writes a job names one of these files only where the network has a floor for all of them:
# "floor": "jobs" in its configuration is /etc/msb/floors/jobs.msb.
job "install" {
  type = "batch"

  group "pip" {
    network {
      mode = "cni/sandboxed"
      cni {
        args = {
          MSB_POLICY = "python.msb"
        }
      }
    }

    task "pip" {
      driver = "docker"
      config {
        image   = "docker.io/library/python:3.12-slim"
        command = "pip"
        args    = ["install", "requests"]
      }
      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
