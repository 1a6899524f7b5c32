// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Memory that this VM shares with another, as a UIO device: map 0 of /dev/uioN is the memory, a
 * read waits for the other VM's ring. To ring is an ioctl of /dev/baton. A module of its own,
 * because it needs uio.ko.
 *
 * To its user it is what uio_pdrv_genirq with of_id=baton,shared-memory is, which Debian's kernels
 * have not: after a ring the interrupt is off until a 1 is written. But that one maps the memory as
 * a device's, in which no atomic access need work and which the other VM's caches do not see.
 */
#include <linux/bitops.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/spinlock.h>
#include <linux/uio_driver.h>

struct shared {
	struct uio_info info;
	spinlock_t lock; /* of what follows, and of the interrupt's being on or off */
	bool is_off;
};

static void set_off(struct shared *shared, bool off)
{
	unsigned long flags;

	spin_lock_irqsave(&shared->lock, flags);
	if (off && !shared->is_off)
		disable_irq_nosync(shared->info.irq);
	else if (!off && shared->is_off)
		enable_irq(shared->info.irq);
	shared->is_off = off;
	spin_unlock_irqrestore(&shared->lock, flags);
}

/* One for each time that it is switched on: a VM that rings without end takes no time of this one.
 */
static irqreturn_t on_ring(int irq, struct uio_info *info)
{
	set_off(info->priv, true);
	return IRQ_HANDLED;
}

static int control(struct uio_info *info, s32 on)
{
	set_off(info->priv, !on);
	return 0;
}

/* RAM, and mapped as such. UIO has checked the size. */
static int map(struct uio_info *info, struct vm_area_struct *area)
{
	return remap_pfn_range(area, area->vm_start, PHYS_PFN(info->mem[0].addr),
			       area->vm_end - area->vm_start, area->vm_page_prot);
}

static int probe(struct platform_device *device)
{
	struct device *dev = &device->dev;
	const struct resource *memory = platform_get_resource(device, IORESOURCE_MEM, 0);
	struct shared *shared = devm_kzalloc(dev, sizeof(*shared), GFP_KERNEL);
	struct uio_info *info = &shared->info;

	if (!shared)
		return -ENOMEM;
	if (!memory || !PAGE_ALIGNED(memory->start) || !PAGE_ALIGNED(resource_size(memory)))
		return dev_err_probe(dev, -EINVAL, "the memory is not made of whole pages\n");
	info->irq = platform_get_irq(device, 0);
	if (info->irq < 0)
		return info->irq;
	spin_lock_init(&shared->lock);
	if (device_property_read_string(dev, "label", &info->name))
		info->name = dev_name(dev);
	info->version = "1";
	info->mem[0].name = "memory";
	info->mem[0].addr = memory->start;
	info->mem[0].size = resource_size(memory);
	info->mem[0].memtype = UIO_MEM_PHYS;
	info->priv = shared;
	info->handler = on_ring;
	info->irqcontrol = control;
	info->mmap = map;
	return devm_uio_register_device(dev, info);
}

static const struct of_device_id names[] = {{.compatible = "baton,shared-memory"}, {}};
MODULE_DEVICE_TABLE(of, names);

static struct platform_driver baton_shared = {
	.probe = probe,
	.driver = {.name = KBUILD_MODNAME, .of_match_table = names},
};
module_platform_driver(baton_shared);

MODULE_DESCRIPTION("Memory that two of Baton's VMs share, and its doorbell, as a UIO device");
MODULE_LICENSE("Dual BSD/GPL");
