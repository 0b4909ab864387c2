# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
end_batch:
	pushq	%r15
	pushq	%r14
	pushq	%r12
	pushq	%rbx
	pushq	%rax
	cmpq	360(%rdi), %rsi
	jne	.LBB1
	cmpq	$0, (%rdi)
	je	.LBB5
	movl	24(%rdi), %eax
	incl	%eax
	movl	%eax, 24(%rdi)
	cmpl	$64, %eax
	jb	.LBB5
	movl	$0, 24(%rdi)
	movq	%rdi, %rbx
	movq	%rsi, %r14
	movq	%rcx, %r15
	movq	%rdx, %r12
	callq	*store_published@GOTPCREL(%rip)
	movq	%r12, %rdx
	movq	%r15, %rcx
	movq	%r14, %rsi
	movq	%rbx, %rdi
	jmp	.LBB5
.LBB1:
	movl	$0, 24(%rdi)
.LBB5:
	movq	%rsi, 360(%rdi)
	addq	456(%rdi), %rdx
	movq	%rdx, 368(%rdi)
	addq	%rcx, 376(%rdi)
	movq	464(%rdi), %rcx
	movq	488(%rdi), %rax
	movq	$0, 464(%rdi)
	addq	%rcx, 384(%rdi)
	testq	%rax, %rax
	je	.LBB11
	movq	496(%rdi), %r8
	movzbl	356(%rdi), %r9d
	movq	%rsi, %rcx
	subq	%r8, %rcx
	negq	%r9
	movl	$4294967295, %edx
	orq	%r9, %rdx
	andq	%rdx, %rcx
	cmpq	%rax, %rcx
	jae	.LBB7
	addq	$8, %rsp
	popq	%rbx
	popq	%r12
	popq	%r14
	popq	%r15
	retq
.LBB7:
	movq	416(%rdi), %r10
	movq	%rsi, %rbx
	subq	%r10, %rbx
	andq	%rdx, %rbx
	movl	352(%rdi), %r9d
	movq	%r8, %rax
	movq	%r8, %r11
	cmpq	%r9, %rbx
	ja	.LBB9
	movq	408(%rdi), %rax
	movq	392(%rdi), %r11
	movq	%r10, %r8
.LBB9:
	cmpq	%rsi, %r8
	cmoveq	%r11, %rax
	subq	%rax, %rsi
	andq	%rdx, %rsi
	shrl	$3, %r9d
	cmpq	%r9, %rsi
	ja	.LBB11
	cmpq	%rcx, %rsi
	jae	.LBB11
	movq	%rax, %rsi
	addq	$8, %rsp
	popq	%rbx
	popq	%r12
	popq	%r14
	popq	%r15
	jmpq	*store_published@GOTPCREL(%rip)
.LBB11:
	addq	$8, %rsp
	popq	%rbx
	popq	%r12
	popq	%r14
	popq	%r15
	jmpq	*give_back@GOTPCREL(%rip)
